// Rows enter a filter and leave it by an update. Each entry is a `create`, each exit one `delete` with the key; what happens to a
// row outside of the filter, its real deletion included, is silence.

import { Client, pause, within } from '../lib/client.js';
import { share } from '../lib/follow.js';
import { begin, duplicated, faults, latency, leaked, lost, once, received, thresholds, unfinished } from '../lib/measures.js';
import { settings } from '../lib/settings.js';
import { Counter } from 'k6/metrics';
export { handleSummary } from '../lib/summary.js';

const left = new Counter('rows_left');

export const options = {
	scenarios: once(settings.vus, settings.seconds + settings.grace),
	summaryTrendStats: ['med', 'p(95)', 'p(99)', 'max'],
	thresholds: thresholds(settings.sockets, { delivery_ms: ['p(99)<500'], rows_left: ['count>0'] }),
};

export default async function () {
	begin();
	await share(settings.sockets, 2, async (index) => {
		const client = new Client({ node: index });
		const inside = new Set();
		let next = 1;
		try {
			await client.open();
			const ended = new Promise((resolve) => {
				const enter = (row, known) => {
					if (row.kind === 'end') return resolve();
					if (inside.has(String(row.id))) return duplicated.add(1);
					if (!known) {
						if (row.n < next) return duplicated.add(1);
						if (row.n > next && next > 1) lost.add(row.n - next);
						latency.add(Math.max(0, Date.now() - row.written_ms));
					}
					next = row.n + 1;
					inside.add(String(row.id));
					received.add(1);
				};
				const query = { fields: ['id', 'n', 'kind', 'written_ms'], filter: { _and: [{ run: { _eq: settings.run } }, { state: { _eq: 'open' } }] }, sort: ['n'], limit: -1 };
				client
					.subscribe({ collection: 'load_items', query }, ({ event, data }) => {
						if (event === 'init') for (const row of data) enter(row, true);
						else if (event === 'create') for (const row of data) enter(row, false);
						else if (event === 'delete') for (const key of data) (inside.delete(String(key)) ? left : leaked).add(1);
						else leaked.add(1, { event });
					})
					.catch((error) => faults.add(1, { what: error.message }));
			});
			await within((settings.seconds + settings.grace + 30) * 1000, 'the end of the stream', ended);
			// The end is written after the last exit.
			await pause(300);
			lost.add(inside.size);
		} catch (error) {
			unfinished.add(1, { what: error.message });
		}
		client.close();
	});
}
