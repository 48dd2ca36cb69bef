// Sockets that connect, subscribe and then only answer heartbeats. None may be lost; the servers' memory is in the summary.

import { Client, pause } from '../lib/client.js';
import { share } from '../lib/follow.js';
import { begin, faults, once, thresholds } from '../lib/measures.js';
import { settings } from '../lib/settings.js';
import { Counter } from 'k6/metrics';
export { handleSummary } from '../lib/summary.js';

const alive = new Counter('alive_at_the_end');

export const options = {
	scenarios: once(settings.vus, settings.seconds + 10),
	summaryTrendStats: ['med', 'p(95)', 'p(99)', 'max'],
	thresholds: thresholds(settings.sockets, { alive_at_the_end: [`count==${settings.sockets}`] }),
};

export default async function () {
	begin();
	await share(settings.sockets, 5, async (index) => {
		const client = new Client({ node: index });
		let leaving = false;
		try {
			await client.open();
			await client.subscribe({ collection: 'load_items', query: { filter: { run: { _eq: settings.run } } } }, () => {});
			client.closed.then((code) => leaving || faults.add(1, { what: `closed with ${code}` }));
			await pause(settings.seconds * 1000);
			// Still answered after all that silence.
			await client.items('read', { collection: 'load_items', query: { limit: 1, filter: { run: { _eq: settings.run } } } });
			alive.add(1);
		} catch (error) {
			faults.add(1, { what: error.message });
		}
		leaving = true;
		client.close();
	});
}
