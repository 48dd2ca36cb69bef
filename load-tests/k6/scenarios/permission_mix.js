// A user who may see one row in five, and not all of its fields. What the others are, and that they are deleted, must not show.

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
	// The writer counts the visible rows alone, so a hidden one that was let through is a leak, and one too few a loss.
	await share(settings.sockets, 2, (index) => follow({ node: index, token: settings.readerToken }));
}
