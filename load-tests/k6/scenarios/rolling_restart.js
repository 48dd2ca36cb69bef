// Both nodes are restarted, one after the other, while rows are written. Clients are asked to reconnect and lose nothing.

import { follow, share } from '../lib/follow.js';
import { begin, once, thresholds } from '../lib/measures.js';
import { settings } from '../lib/settings.js';
export { handleSummary } from '../lib/summary.js';

const limits = thresholds(settings.sockets, {
	rows_received: ['count>0'],
	// The restart did happen under them.
	connections_ended: [`count>=${settings.sockets}`],
	resumed: ['count>0'],
	delivery_ms: ['p(95)<5000'],
});
// While a node restarts, attempts to reach it are refused, and the next one goes to the other node.
delete limits.connect_errors;

export const options = {
	scenarios: once(settings.vus, settings.seconds + settings.grace),
	summaryTrendStats: ['med', 'p(95)', 'p(99)', 'max'],
	thresholds: limits,
};

export default async function () {
	begin();
	await share(settings.sockets, 2, (index) => follow({ node: index, reconnect: true }));
}
