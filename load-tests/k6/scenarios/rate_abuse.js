// One client in five sends far more than it may. It is refused message by message; the others are not, and wait no longer.

import { Counter, Trend } from 'k6/metrics';

import { Client, pause } from '../lib/client.js';
import { share } from '../lib/follow.js';
import { begin, faults, once, thresholds } from '../lib/measures.js';
import { settings } from '../lib/settings.js';
export { handleSummary } from '../lib/summary.js';

const abused = new Counter('abusive_messages');
const refused = new Counter('abusive_messages_refused');
const wronged = new Counter('honest_messages_refused');
const answered = new Trend('honest_answer_ms', true);

export const options = {
	scenarios: once(settings.vus, settings.seconds),
	summaryTrendStats: ['med', 'p(95)', 'p(99)', 'max'],
	thresholds: thresholds(settings.sockets, {
		abusive_messages_refused: ['count>0'],
		honest_messages_refused: ['count==0'],
		honest_answer_ms: ['p(99)<500'],
	}),
};

export default async function () {
	begin();
	wronged.add(0);
	const until = Date.now() + settings.seconds * 1000;
	const refusal = (message) => message.error && message.error.code === 'REQUESTS_EXCEEDED';
	await share(settings.sockets, 1, async (index) => {
		const client = new Client({ node: index });
		let leaving = false;
		try {
			await client.open();
			client.closed.then((code) => leaving || faults.add(1, { what: `closed with ${code}` }));
			if (index % 5 === 0) {
				client.onOther = (message) => refusal(message) && refused.add(1);
				while (Date.now() < until) {
					for (let n = 0; n < 20; n++) client.send({ type: 'items', action: 'read', collection: 'load_notes', query: { limit: 1 } });
					abused.add(20);
					await pause(100);
				}
			} else {
				client.onOther = (message) => refusal(message) && wronged.add(1);
				while (Date.now() < until) {
					const began = Date.now();
					await client.items('read', { collection: 'load_notes', query: { limit: 1 } });
					answered.add(Date.now() - began);
					await pause(300);
				}
			}
		} catch (error) {
			faults.add(1, { what: error.message });
			console.error(error.message);
		}
		leaving = true;
		client.close();
	});
}
