// A subscriber that follows one stream from its beginning to its end, over as many connections as it takes.

import { Counter } from 'k6/metrics';

import { Client, pause, within } from './client.js';
import { FIELDS, Ledger } from './ledger.js';
import { closes, faults, subscribing, unfinished } from './measures.js';
import { settings } from './settings.js';

// Of the reconnects: those that went on exactly where they were, and those that had to read again.
export const resumed = new Counter('resumed');
export const anew = new Counter('resumed_anew');

const streamQuery = (owner) => ({
	fields: FIELDS,
	filter: { _and: [{ run: { _eq: settings.run } }, { owner: { _eq: owner } }] },
	sort: ['n'],
	limit: -1,
});

// `reconnect`: closes by the server are survived, with resume. `onClient` gets every connection of the subscriber.
export async function follow({ node, token, owner = 0, reconnect = false, onClient = () => {} }) {
	const ledger = new Ledger();
	const deadline = Date.now() + (settings.seconds + settings.grace + 30) * 1000;
	let position;
	let done = false;
	ledger.ended.then(() => (done = true));
	for (let attempt = 0; !done; attempt++) {
		if (Date.now() > deadline) {
			unfinished.add(1);
			return;
		}
		// Another node than before: none holds what a reconnect cannot rebuild.
		const client = new Client({ node: node + attempt, token });
		try {
			await client.open();
			onClient(client);
			const began = Date.now();
			const message = { collection: 'load_items', query: streamQuery(owner), uid: 'stream' };
			if (reconnect) message.resume = position || true;
			const first = await client.subscribe(message, (news) => {
				if (news.position) position = news.position;
				ledger.hear(news);
			});
			subscribing.add(Date.now() - began);
			if (reconnect && attempt > 0) (first.event === 'resume' ? resumed : anew).add(1);
			const left = Math.max(1, deadline - Date.now());
			const ended = await within(left, 'the end of the stream', Promise.race([ledger.ended.then(() => 'ended'), client.closed])).catch(() => 'late');
			if (ended === 'ended') {
				// Long enough for a duplicate to come.
				await pause(300);
				client.close();
			} else if (ended === 'late') {
				unfinished.add(1);
				client.close();
				return;
			} else {
				closes.add(1, { code: String(ended) });
				if (!reconnect) {
					faults.add(1, { what: `closed with ${ended}` });
					unfinished.add(1);
					return;
				}
			}
		} catch (error) {
			client.close();
			if (!reconnect) {
				faults.add(1, { what: String(error.message) });
				unfinished.add(1);
				return;
			}
		}
		if (!done) await pause(100 + Math.random() * 400);
	}
}

// This VU's share of `count` sockets, opened evenly over `spread` seconds.
export async function share(count, spread, one) {
	const mine = [];
	for (let index = __VU - 1; index < count; index += settings.vus) mine.push(index);
	await Promise.all(
		mine.map(async (index) => {
			await pause((spread * 1000 * index) / count);
			await one(index);
		}),
	);
}
