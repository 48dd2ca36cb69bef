// As many filters as owners: each socket hears the rows of its own owner and nothing of the others.

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
	// Rows of another owner would be duplicates or gaps in the count of this one.
	await share(settings.sockets, 2, (index) => follow({ node: index, owner: index % settings.owners }));
}
