// All sockets drop at the same moment, twice, while rows are written, come back to another node, and go on from where they were.

import exec from 'k6/execution';
import { setTimeout } from 'k6/timers';

import { follow, share } from '../lib/follow.js';
import { begin, once, thresholds } from '../lib/measures.js';
import { settings } from '../lib/settings.js';
export { handleSummary } from '../lib/summary.js';

const STORMS = 2;

export const options = {
	scenarios: once(settings.vus, settings.seconds + settings.grace),
	summaryTrendStats: ['med', 'p(95)', 'p(99)', 'max'],
	thresholds: thresholds(settings.sockets * (STORMS + 1), {
		rows_received: ['count>0'],
		resumed: [`count==${settings.sockets * STORMS}`],
		// Rows written during the storm arrive with the resume, so the bound is that of the reconnect.
		delivery_ms: ['p(99)<5000'],
	}),
};

export default async function () {
	begin();
	const storms = [];
	for (let n = 1; n <= STORMS; n++) storms.push(exec.scenario.startTime + (3 + ((settings.seconds - 3) * n) / (STORMS + 1)) * 1000);
	await share(settings.sockets, 2, (index) => {
		let storm = 0;
		return follow({
			node: index,
			reconnect: true,
			onClient: (client) => {
				const at = storms[storm++];
				if (at !== undefined) setTimeout(() => client.close(), Math.max(0, at - Date.now()));
			},
		});
	});
}
