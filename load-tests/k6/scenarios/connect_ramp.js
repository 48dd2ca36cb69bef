// Sockets connect evenly over the whole time, authenticate, subscribe, and stay until all are there.

import { Client, pause } from '../lib/client.js';
import { share } from '../lib/follow.js';
import { begin, faults, once, subscribing, thresholds } from '../lib/measures.js';
import { settings } from '../lib/settings.js';
export { handleSummary } from '../lib/summary.js';

export const options = {
	scenarios: once(settings.vus, settings.seconds),
	summaryTrendStats: ['med', 'p(95)', 'p(99)', 'max'],
	thresholds: thresholds(settings.sockets, { connect_ms: ['p(99)<1000'], authenticate_ms: ['p(99)<1000'], subscribe_ms: ['p(99)<1000'] }),
};

export default async function () {
	begin();
	const until = Date.now() + settings.seconds * 1000 + 1000;
	await share(settings.sockets, settings.seconds, async (index) => {
		const client = new Client({ node: index });
		let leaving = false;
		try {
			await client.open();
			const began = Date.now();
			await client.subscribe({ collection: 'load_items', query: { filter: { run: { _eq: settings.run } } } }, () => {});
			subscribing.add(Date.now() - began);
			client.closed.then((code) => leaving || faults.add(1, { what: `closed with ${code}` }));
			await pause(Math.max(0, until - Date.now()));
		} catch (error) {
			faults.add(1, { what: error.message });
		}
		leaving = true;
		client.close();
	});
}
