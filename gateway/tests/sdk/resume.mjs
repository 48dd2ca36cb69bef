// The resume example of docs/protocol-extensions.md on top of @directus/sdk, with connections that break: node resume.mjs sdk26|sdk20.

import { WebSocket } from 'ws';
import { ADMIN, Inbox, assert, check, done, equal, sql, urls, within } from './check.mjs';

const sockets = [];
globalThis.WebSocket = class extends WebSocket {
	constructor(url, protocols) {
		super(url, protocols, { allowSynchronousEvents: false });
		sockets.push(this);
	}
};

const { createDirectus, realtime, staticToken } = await import(process.argv[2]);

// example: begin
/** Follows a collection through broken connections: `onMessage` gets every message once, in order. */
async function follow(client, collection, options, onMessage) {
	let position = true;
	// The SDK sends the subscription again after each reconnect; `toJSON` puts the newest position into it.
	const resume = { toJSON: () => position };
	const { subscription, unsubscribe } = await client.subscribe(collection, { ...options, resume });
	(async () => {
		for await (const message of subscription) {
			if (message.position) position = message.position;
			// `init`: the whole list, at first and whenever a resume was not possible. `resume`: nothing was lost.
			if (message.event !== 'resume') onMessage(message);
		}
	})();
	return unsubscribe;
}
// example: end

await check('a client whose connection breaks again and again misses nothing and hears nothing twice', async (cleanup) => {
	const client = createDirectus(urls.main).with(staticToken(ADMIN)).with(realtime({ reconnect: { delay: 50, retries: 50 } }));
	cleanup(() => client.disconnect());
	await within(client.connect(), 5000, 'connect');
	const inbox = new Inbox();
	await follow(client, 'tags', { query: { fields: ['label'], limit: -1 } }, (message) => inbox.push(message));
	equal((await inbox.next()).event, 'init');
	const labels = [];
	for (let round = 0; round < 6; round++) {
		// Written while there is no connection, and while there is one.
		sockets.at(-1).terminate();
		for (let number = 0; number < 5; number++) labels.push(`r${round}-${number}`);
		for (const label of labels.slice(-5)) sql('main', `insert into tags (label) values ('${label}')`);
		await inbox.next((message) => message.data?.[0]?.label === labels.at(-1));
	}
	const heard = inbox.all.slice(1);
	assert(heard.every((message) => message.event === 'create'), heard.find((message) => message.event !== 'create'));
	equal(heard.map((message) => message.data[0].label), labels);
	assert(sockets.length > 6, `only ${sockets.length} connections`);
}, 60000);

done();
