// The snippets of the guides 001, 002 (quickstart) and 004 (SDK realtime) through @directus/sdk: node sdk.mjs sdk26|sdk20.

import { WebSocket } from 'ws';
import { ADMIN, EDITOR, Inbox, READER, assert, check, done, equal, http, sleep, sql, urls, within } from './check.mjs';

// Node 20 has no WebSocket of its own, and the SDK looks for one when it is imported. As in a browser, each message is a task of its own: the SDK listens for one message at
// a time. The sockets are remembered so that a check can cut one off.
const sockets = [];
globalThis.WebSocket = class extends WebSocket {
	constructor(url, protocols) {
		super(url, protocols, { allowSynchronousEvents: false });
		sockets.push(this);
	}
};

const version = process.argv[2];
const { authentication, createDirectus, createItem, createItems, deleteItem, deleteItems, readItem, readItems, readMe, realtime, rest, staticToken, updateItem, updateItems } =
	await import(version);

/** A client as the guides make it, connected; it is disconnected when the check ends. */
async function connected(cleanup, url, ...composables) {
	let client = createDirectus(url);
	for (const composable of composables) client = client.with(composable);
	cleanup(() => client.disconnect());
	await within(client.connect(), 5000, 'connect');
	return client;
}

function withToken(cleanup, token, url = urls.main) {
	return connected(cleanup, url, staticToken(token), rest(), realtime());
}

/** The guides' `for await` loop, with its messages in an inbox; an error that it throws is the last entry. */
function loop(subscription) {
	const inbox = new Inbox();
	(async () => {
		try {
			for await (const message of subscription) inbox.push(message);
		} catch (thrown) {
			inbox.push({ thrown });
		}
	})();
	return inbox;
}

async function subscribed(client, collection, options) {
	const { subscription, unsubscribe } = await client.subscribe(collection, options);
	const inbox = loop(subscription);
	const init = await inbox.next();
	assert(init.event === 'init', init);
	return { inbox, init, unsubscribe };
}

const isEvent = (event) => (message) => message.event === event;

// ---------------------------------------------------------------- 001, 002: quickstart

await check('001 connect with a static token', async (cleanup) => {
	const client = await withToken(cleanup, ADMIN);
	if (client.isConnected) equal(await client.isConnected(), true);
});

await check('001 subscribe to creates with fields, create by message', async (cleanup) => {
	const directus = await withToken(cleanup, ADMIN);
	const { inbox, init } = await subscribed(directus, 'messages', { event: 'create', query: { fields: ['user', 'text'] } });
	equal('data' in init, false);
	for (const [text, user] of [['Hello World!', 'Ben'], ['Hello Universe!', 'Rijk'], ['Hello Everyone Everywhere All At Once!', 'Kevin']]) {
		directus.sendMessage({ type: 'items', collection: 'messages', action: 'create', data: { text, user } });
		equal((await inbox.next(isEvent('create'))).data, [{ user, text }]);
	}
});

await check('001 three creates in a burst', async (cleanup) => {
	const directus = await withToken(cleanup, ADMIN);
	const { inbox } = await subscribed(directus, 'messages', { event: 'create', query: { fields: ['text'] } });
	const texts = ['burst 1', 'burst 2', 'burst 3'];
	for (const text of texts) directus.sendMessage({ type: 'items', collection: 'messages', action: 'create', data: { text } });
	const seen = [];
	for (const _ of texts) seen.push((await inbox.next(isEvent('create'))).data[0].text);
	equal(seen.sort(), texts);
});

await check('001 the handlers of onWebSocket', async (cleanup) => {
	const directus = createDirectus(urls.main).with(staticToken(ADMIN)).with(realtime({ reconnect: false }));
	cleanup(() => directus.disconnect());
	const [events, messages] = [[], new Inbox()];
	directus.onWebSocket('open', () => events.push('open'));
	directus.onWebSocket('close', () => events.push('close'));
	directus.onWebSocket('error', () => events.push('error'));
	directus.onWebSocket('message', (message) => messages.push(message));
	await directus.connect();
	directus.sendMessage({ type: 'items', collection: 'messages', action: 'read', query: { limit: 1 } });
	const message = await messages.next((found) => found.type === 'items');
	equal(message.data.length, 1);
	directus.sendMessage({ type: 'ping' });
	await messages.next((found) => found.type === 'pong');
	directus.disconnect();
	await sleep(200);
	equal(events, ['open', 'close']);
});

await check('001 without a token there is no connection', async () => {
	const directus = createDirectus(urls.main).with(staticToken('nope')).with(realtime({ reconnect: false }));
	const outcome = await within(directus.connect(), 5000, 'connect').then(() => 'connected', () => 'refused');
	directus.disconnect();
	equal(outcome, 'refused');
});

// ---------------------------------------------------------------- 004: authentication

await check('004 strict mode', async (cleanup) => {
	const client = await connected(cleanup, urls.strict, staticToken(READER.token), realtime({ authMode: 'strict' }));
	await subscribed(client, 'articles');
});

await check('004 public mode', async (cleanup) => {
	const client = await connected(cleanup, urls.public, realtime({ authMode: 'public' }));
	await subscribed(client, 'messages');
});

await check('004 handshake with a login', async (cleanup) => {
	const client = createDirectus(urls.main).with(authentication('json')).with(rest()).with(realtime());
	cleanup(() => client.disconnect());
	await client.login({ email: EDITOR.email, password: EDITOR.password });
	await client.connect();
	await subscribed(client, 'articles');
	assert((await client.request(readItems('articles', { limit: 1 }))).length === 1, 'HTTP with the token of the login');
	// Who may not read users learns the own id.
	equal((await client.request(readMe())).id, '10000000-0000-4000-8000-000000000001');
	await client.refresh();
	await client.logout();
});

for (const [how, credentials] of [
	['e-mail and password', async () => ({ email: EDITOR.email, password: EDITOR.password })],
	['access token', async () => ({ access_token: EDITOR.token })],
	[
		'refresh token',
		async () => {
			const login = await http(urls.main, 'POST', '/auth/login', { body: { email: EDITOR.email, password: EDITOR.password } });
			return { refresh_token: login.body.data.refresh_token };
		},
	],
]) {
	// The guide subscribes right behind the auth message, without waiting for the reply.
	await check(`004 the guide's client authenticates by message: ${how}`, async (cleanup) => {
		const client = await connected(cleanup, urls.main, realtime());
		await client.sendMessage({ type: 'auth', ...(await credentials()) });
		const { init } = await subscribed(client, 'articles', { query: { fields: ['id'] } });
		assert(init.data.length > 0, init);
	});
}

await check('004 an expired token is renewed on the same socket and subscriptions go on', async (cleanup) => {
	const client = createDirectus(urls.tight).with(authentication('json', { autoRefresh: false })).with(realtime());
	cleanup(() => client.disconnect());
	await client.login({ email: EDITOR.email, password: EDITOR.password });
	await client.connect();
	const before = sockets.length;
	const { inbox } = await subscribed(client, 'articles', { query: { fields: ['id', 'views'] } });
	await sleep(4500);
	const writer = await withToken(cleanup, ADMIN, urls.tight);
	await writer.request(updateItem('articles', 1, { views: 4242 }));
	equal((await inbox.next(isEvent('update'))).data, [{ id: 1, views: 4242 }]);
	equal(sockets.length, before + 1, 'sockets (one is the writer):');
});

// ---------------------------------------------------------------- 004: subscriptions

await check('004 subscribe with filter and fields: init, create, update, leave, enter, delete', async (cleanup) => {
	const client = await withToken(cleanup, ADMIN);
	const { inbox, init } = await subscribed(client, 'articles', {
		query: { filter: { status: { _eq: 'published' } }, fields: ['id', 'title', 'author.email'] },
	});
	assert(init.data.length > 0 && init.data.every((row) => 'title' in row), init);
	const author = 'a0000000-0000-4000-8000-000000000001';
	const article = await client.request(createItem('articles', { title: 'new', status: 'published', author }));
	equal((await inbox.next()).data, [{ id: article.id, title: 'new', author: { email: 'ada@example.com' } }], 'create');
	await client.request(updateItem('articles', article.id, { title: 'newer' }));
	const updated = await inbox.next();
	equal([updated.event, updated.data[0].title], ['update', 'newer']);
	await client.request(updateItem('articles', article.id, { status: 'archived' }));
	const left = await inbox.next();
	equal([left.event, left.data.map(String)], ['delete', [String(article.id)]]);
	await client.request(updateItem('articles', article.id, { status: 'published' }));
	equal((await inbox.next()).data[0].id, article.id, 'entered');
	await client.request(deleteItem('articles', article.id));
	const deleted = await inbox.next();
	equal([deleted.event, deleted.data.map(String)], ['delete', [String(article.id)]]);
});

await check('004 live query: and, $NOW(-7 days), nested and unknown fields, sort, limit', async (cleanup) => {
	const client = await withToken(cleanup, ADMIN);
	const old = await client.request(createItem('articles', { title: 'old', status: 'published' }));
	sql('main', `update articles set date_created = now() - interval '8 days' where id = ${old.id}`);
	const recent = await client.request(createItem('articles', { title: 'recent', status: 'published' }));
	const { inbox, init } = await subscribed(client, 'articles', {
		query: {
			filter: { _and: [{ status: { _eq: 'published' } }, { date_created: { _gte: '$NOW(-7 days)' } }] },
			fields: ['*', 'author.*', 'categories.*'],
			sort: ['-date_created'],
			limit: 20,
		},
	});
	const ids = init.data.map((row) => row.id);
	assert(ids.includes(recent.id) && !ids.includes(old.id), ids);
	const dates = init.data.map((row) => Date.parse(row.date_created));
	equal(dates, dates.toSorted((a, b) => b - a), 'sorted by date');
	const author = 'a0000000-0000-4000-8000-000000000002';
	const created = await client.request(createItem('articles', { title: 'live', status: 'published', author }));
	const event = await inbox.next(isEvent('create'));
	equal([event.data[0].id, event.data[0].author.name], [created.id, 'Grace Hopper']);
	await client.request(updateItem('articles', created.id, { title: 'livelier' }));
	equal((await inbox.next()).data[0].title, 'livelier');
});

await check('004 heartbeat: a ping by message is answered', async (cleanup) => {
	const client = await withToken(cleanup, ADMIN);
	const messages = new Inbox();
	client.onWebSocket('message', (message) => messages.push(message));
	await client.sendMessage({ type: 'ping' });
	equal((await messages.next((message) => message.type === 'pong')).type, 'pong');
});

await check('004 heartbeat: the SDK answers the server and stays connected', async (cleanup) => {
	const client = await withToken(cleanup, ADMIN, urls.tight);
	const before = sockets.length;
	const { inbox } = await subscribed(client, 'tags');
	await sleep(3500);
	await client.request(createItem('tags', { label: 'after some pings' }));
	equal((await inbox.next(isEvent('create'))).data[0].label, 'after some pings');
	equal(sockets.length, before, 'no reconnect:');
});

await check('004 reconnection: the subscription is made again and goes on', async (cleanup) => {
	const client = await withToken(cleanup, ADMIN);
	const { inbox } = await subscribed(client, 'tags', { query: { fields: ['label'] } });
	sockets.at(-1).terminate();
	await inbox.next(isEvent('init'), 8000);
	const writer = await withToken(cleanup, ADMIN);
	await writer.request(createItem('tags', { label: 'after the reconnect' }));
	// The SDK subscribes twice with one uid; the row may already be in the second init.
	await inbox.next((message) => JSON.stringify(message.data).includes('after the reconnect'));
	await writer.request(createItem('tags', { label: 'and once more' }));
	equal((await inbox.next((message) => message.event === 'create' && message.data[0].label !== 'after the reconnect')).data, [{ label: 'and once more' }]);
});

await check('004 reconnection: the client without an auth composable, in public mode', async (cleanup) => {
	const client = await connected(cleanup, urls.public, realtime({ authMode: 'public' }));
	const { inbox } = await subscribed(client, 'messages', { query: { fields: ['text'] } });
	sockets.at(-1).terminate();
	await inbox.next(isEvent('init'), 8000);
	await http(urls.public, 'POST', '/items/messages', { token: ADMIN, body: { text: 'public again' } });
	await inbox.next((message) => JSON.stringify(message.data).includes('public again'));
	await http(urls.public, 'POST', '/items/messages', { token: ADMIN, body: { text: 'and once more' } });
	equal((await inbox.next((message) => message.event === 'create' && message.data[0].text !== 'public again')).data, [{ text: 'and once more' }]);
});

await check('004 collaboration: a change by another client reaches the watched item', async (cleanup) => {
	const [watcher, other] = [await withToken(cleanup, ADMIN), await withToken(cleanup, EDITOR.token)];
	const { inbox } = await subscribed(watcher, 'articles', { query: { filter: { id: { _eq: 3 } }, fields: ['id', 'body'] } });
	await other.request(updateItem('articles', 2, { body: 'not watched' }));
	await other.request(updateItem('articles', 3, { body: 'edited' }));
	const update = await inbox.next();
	equal([update.event, update.data], ['update', [{ id: 3, body: 'edited' }]]);
});

await check('004 presence: Date.now() as timestamp, and the filter on the last five minutes', async (cleanup) => {
	const client = await withToken(cleanup, ADMIN);
	const { inbox } = await subscribed(client, 'presence', {
		query: { filter: { collection: { _eq: 'articles' }, item: { _eq: 'article-id' }, timestamp: { _gte: '$NOW(-5 minutes)' } } },
	});
	const now = Date.now();
	const presence = { collection: 'articles', item: 'article-id', user: 'user-id' };
	const stored = await client.request(createItem('presence', { ...presence, timestamp: now }));
	equal(Date.parse(stored.timestamp), now, 'stored');
	equal((await inbox.next(isEvent('create'))).data[0].user, 'user-id');
	await client.request(createItem('presence', { ...presence, user: 'long ago', timestamp: now - 600_000 }));
	await client.request(createItem('presence', { ...presence, user: 'in ISO form', timestamp: new Date().toISOString() }));
	equal((await inbox.next(isEvent('create'))).data[0].user, 'in ISO form');
});

await check('004 notifications of the current user (with a status that exists)', async (cleanup) => {
	const client = await withToken(cleanup, ADMIN);
	const me = (await client.request(readMe({ fields: ['id'] }))).id;
	const { inbox } = await subscribed(client, 'directus_notifications', {
		query: { filter: { recipient: { _eq: me }, status: { _eq: 'inbox' } } },
	});
	sql('main', `insert into directus_notifications (recipient, subject, status) values ('10000000-0000-4000-8000-000000000001', 'for somebody else', 'inbox')`);
	sql('main', `insert into directus_notifications (recipient, subject, status) values ('${me}', 'for me', 'inbox')`);
	equal((await inbox.next(isEvent('create'))).data[0].subject, 'for me');
});

await check('004 activity feed: every change of an article is reported', async (cleanup) => {
	const client = await withToken(cleanup, ADMIN);
	const { inbox } = await subscribed(client, 'directus_activity', {
		query: {
			filter: { collection: { _eq: 'articles' }, action: { _in: ['create', 'update', 'delete'] } },
			fields: ['*', 'user.first_name', 'user.last_name'],
			sort: ['-timestamp'],
			limit: 50,
		},
	});
	const article = await client.request(createItem('articles', { title: 'watched' }));
	const seen = [(await inbox.next(isEvent('create'))).data[0]];
	for (let round = 0; round < 10; round += 1) {
		await client.request(updateItem('articles', article.id, { views: round }));
		seen.push((await inbox.next(isEvent('create'))).data[0]);
	}
	await client.request(deleteItem('articles', article.id));
	seen.push((await inbox.next(isEvent('create'))).data[0]);
	equal(seen.map((row) => row.action), ['create', ...Array(10).fill('update'), 'delete']);
	assert(seen.every((row) => row.item === String(article.id) && row.user.first_name === 'Admin'), seen[0]);
});

await check('004 live dashboard: the total over the whole subscription', async (cleanup) => {
	const client = await withToken(cleanup, ADMIN);
	const articles = await subscribed(client, 'articles', { query: { aggregate: { count: '*' }, filter: { status: { _eq: 'published' } } } });
	const users = await subscribed(client, 'directus_users', { query: { aggregate: { count: '*' }, filter: { status: { _eq: 'active' } } } });
	const total = (message) => Number(message.data[0].count);
	const start = total(articles.init);
	equal(total(users.init), Number(sql('main', "select count(*) from directus_users where status = 'active'")));
	const article = await client.request(createItem('articles', { title: 'counted', status: 'published' }));
	equal(total(await articles.inbox.next()), start + 1, 'created');
	await client.request(updateItem('articles', article.id, { status: 'draft' }));
	equal(total(await articles.inbox.next()), start, 'left');
	await client.request(updateItem('articles', article.id, { status: 'published' }));
	equal(total(await articles.inbox.next()), start + 1, 'entered');
	await client.request(deleteItem('articles', article.id));
	equal(total(await articles.inbox.next()), start, 'deleted');
	sql('main', "update directus_users set status = 'archived' where email = 'nested@example.com'");
	equal(total(await users.inbox.next()), total(users.init) - 1, 'users');
});

await check('004 only the fields that were asked for', async (cleanup) => {
	const client = await withToken(cleanup, ADMIN);
	const author = 'a0000000-0000-4000-8000-000000000003';
	const { init, inbox } = await subscribed(client, 'articles', { query: { filter: { author: { _eq: author } }, fields: ['id', 'title', 'status'] } });
	assert(init.data.length > 0 && init.data.every((row) => Object.keys(row).join() === 'id,title,status'), init.data);
	await client.request(updateItem('articles', init.data[0].id, { title: 'On numbers' }));
	equal(Object.keys((await inbox.next()).data[0]), ['id', 'title', 'status']);
});

await check('004 unsubscribe when done', async (cleanup) => {
	const client = await withToken(cleanup, ADMIN);
	const gone = await subscribed(client, 'tags');
	const stays = await subscribed(client, 'tags');
	await gone.unsubscribe();
	await client.request(createItem('tags', { label: 'after unsubscribing' }));
	equal((await stays.inbox.next(isEvent('create'))).data[0].label, 'after unsubscribing');
	await sleep(100);
	equal(gone.inbox.unread().filter(isEvent('create')), []);
});

await check('004 error handling: a refused subscription ends in the catch', async (cleanup) => {
	const client = await withToken(cleanup, READER.token);
	const { subscription } = await client.subscribe('no_access');
	let caught;
	try {
		for await (const message of subscription) assert(false, message);
	} catch (error) {
		caught = error;
	}
	equal([caught.type, caught.status, caught.error.code], ['subscribe', 'error', 'FORBIDDEN']);
});

await check('004 all members of a query', async (cleanup) => {
	const client = await withToken(cleanup, ADMIN);
	// Newer versions flatten the objects, older ones send them as they are.
	const { init } = await subscribed(client, 'articles', {
		query: {
			fields: ['id', 'title', { author: ['name'] }, { comments: ['text'] }],
			filter: { _or: [{ id: { _in: [1, 2, 3] } }, { title: { _contains: 'Heat' } }] },
			search: 'e',
			sort: ['-id'],
			limit: 2,
			offset: 1,
			deep: { comments: { _limit: 1, _sort: ['id'] } },
		},
	});
	assert(init.data.length > 0 && init.data.length <= 2, init);
	assert(init.data.every((row) => row.comments.length <= 1), init);
	const aliased = await subscribed(client, 'articles', { query: { fields: ['id', 'name'], alias: { name: 'title' }, limit: 1, sort: 'id' } });
	equal(Object.keys(aliased.init.data[0]), ['id', 'name']);
	const grouped = await subscribed(client, 'articles', { query: { aggregate: { count: 'id' }, groupBy: ['status'] } });
	assert(grouped.init.data.some((row) => row.status === 'published'), grouped.init);
});

// ---------------------------------------------------------------- HTTP, as the SDK calls it

await check('HTTP items: create, read, update, delete in all forms', async (cleanup) => {
	const client = await withToken(cleanup, ADMIN);
	const one = await client.request(createItem('tags', { label: 'one' }, { fields: ['id'] }));
	equal(Object.keys(one), ['id']);
	const many = await client.request(createItems('tags', [{ label: 'two' }, { label: 'three' }]));
	const ids = [one.id, ...many.map((row) => row.id)];
	equal((await client.request(readItem('tags', one.id))).label, 'one');
	const read = await client.request(readItems('tags', { filter: { id: { _in: ids } }, sort: ['-label'], fields: ['label'], limit: 2 }));
	equal(read, [{ label: 'two' }, { label: 'three' }]);
	equal((await client.request(updateItem('tags', one.id, { label: 'ONE' }))).label, 'ONE');
	equal((await client.request(updateItems('tags', ids, { label: null }))).length, 3);
	equal((await client.request(updateItems('tags', { filter: { id: { _in: ids } }, limit: 3 }, { label: null }))).length, 3);
	await client.request(deleteItem('tags', one.id));
	await client.request(deleteItems('tags', ids.slice(1)));
	equal(await client.request(readItems('tags', { filter: { id: { _in: ids } } })), []);
	const missing = await client.request(readItem('tags', one.id)).then(() => null, (error) => error.errors[0].extensions.code);
	equal(missing, 'FORBIDDEN');
});

await check('HTTP server: ping, health, info', async () => {
	equal((await http(urls.main, 'GET', '/server/ping')).body, 'pong');
	equal((await http(urls.main, 'GET', '/server/health')).body.status, 'ok');
	equal((await http(urls.main, 'GET', '/server/info', { token: ADMIN })).status, 200);
});

await check('HTTP CORS: a page opened from disk may call', async () => {
	const preflight = await http(urls.cors, 'OPTIONS', '/items/messages', {
		headers: { origin: 'null', 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization,content-type' },
	});
	assert([200, 204].includes(preflight.status), String(preflight.status));
	equal(preflight.headers.get('access-control-allow-origin'), 'null');
	const reply = await http(urls.cors, 'GET', '/items/messages', { token: ADMIN, headers: { origin: 'null' } });
	equal([reply.status, reply.headers.get('access-control-allow-origin')], [200, 'null']);
});

done();
