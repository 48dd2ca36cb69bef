// Create, read, update, delete over the socket, one after the other; each answer is compared with what was asked for.

import { Client } from '../lib/client.js';
import { share } from '../lib/follow.js';
import { begin, faults, once, thresholds } from '../lib/measures.js';
import { settings } from '../lib/settings.js';
import { Counter, Trend } from 'k6/metrics';
export { handleSummary } from '../lib/summary.js';

const times = {};
for (const action of ['create', 'read', 'update', 'delete']) times[action] = new Trend(`${action}_ms`, true);
const cycles = new Counter('cycles');

const limits = {};
for (const action of Object.keys(times)) limits[`${action}_ms`] = ['p(99)<1000'];

export const options = {
	scenarios: once(settings.vus, settings.seconds),
	summaryTrendStats: ['med', 'p(95)', 'p(99)', 'max'],
	thresholds: thresholds(settings.sockets, { ...limits, cycles: ['count>0'] }),
};

function check(ok, what) {
	if (!ok) throw new Error(what);
}

export default async function () {
	begin();
	const until = Date.now() + settings.seconds * 1000;
	const collection = 'load_notes';
	await share(settings.sockets, 1, async (index) => {
		const client = new Client({ node: index });
		const timed = async (action, more) => {
			const began = Date.now();
			const answer = await client.items(action, { collection, ...more });
			times[action].add(Date.now() - began);
			return answer.data;
		};
		try {
			await client.open();
			for (let n = 0; Date.now() < until; n++) {
				const title = `note ${index} ${n}`;
				const created = await timed('create', { data: { title, count: n } });
				check(created.title === title && created.count === n, `created ${JSON.stringify(created)}`);
				const read = await timed('read', { id: created.id, query: { fields: ['id', 'title'] } });
				check(read.id === created.id && read.title === title && read.count === undefined, `read ${JSON.stringify(read)}`);
				const updated = await timed('update', { id: created.id, data: { count: n + 1 } });
				check(updated.count === n + 1 && updated.title === title, `updated ${JSON.stringify(updated)}`);
				const deleted = await timed('delete', { id: created.id });
				check(JSON.stringify(deleted).includes(String(created.id)), `deleted ${JSON.stringify(deleted)}`);
				cycles.add(1);
			}
		} catch (error) {
			faults.add(1, { what: error.message });
			console.error(error.message);
		}
		client.close();
	});
}
