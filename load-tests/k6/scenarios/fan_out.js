// One stream of writes by SQL, and every socket on both nodes hears all of it: once, in order, soon.

import { follow, share } from '../lib/follow.js';
import { begin, once, thresholds } from '../lib/measures.js';
import { settings } from '../lib/settings.js';
export { handleSummary } from '../lib/summary.js';

export const options = {
	scenarios: once(settings.vus, settings.seconds + settings.grace),
	summaryTrendStats: ['med', 'p(95)', 'p(99)', 'max'],
	thresholds: thresholds(settings.sockets, { delivery_ms: ['p(99)<500'], rows_received: ['count>0'] }),
};

export default async function () {
	begin();
	await share(settings.sockets, 2, (index) => follow({ node: index }));
}
