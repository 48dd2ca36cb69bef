// The snippets of the guides 000 (getting started) and 003 (WebSocket reference) through a raw WebSocket.

import { ADMIN, EDITOR, READER, assert, check, done, equal, http, open, openAs, sleep, socketUrl, sql, urls, Raw, within } from './check.mjs';

const isEvent = (event) => (message) => message.type === 'subscription' && message.event === event;
const isType = (type) => (message) => message.type === type;
const isError = (code) => (message) => message.status === 'error' && message.error?.code === code;

// ---------------------------------------------------------------- 000, in the order of the page

await check('000 the page: connect, authenticate, subscribe, create three in a burst, read the latest', async (cleanup) => {
	const connection = new Raw(socketUrl(urls.main));
	cleanup(() => connection.close());
	const events = [];
	connection.socket.addEventListener('open', () => events.push('onopen'));
	connection.socket.addEventListener('error', () => events.push('onerror'));
	await connection.opened;
	connection.send({ type: 'auth', access_token: ADMIN });
	const auth = await connection.next(isType('auth'));
	equal([auth.type, auth.status], ['auth', 'ok']);
	connection.send({ type: 'subscribe', collection: 'messages', query: { fields: ['*'] } });
	const init = await connection.next(isEvent('init'));
	assert(Array.isArray(init.data), init);
	const wanted = [['Hello World!', 'Ben'], ['Hello Universe!', 'Rijk'], ['Hello Everyone Everywhere All At Once!', 'Kevin']];
	for (const [text, user] of wanted) {
		connection.send({ type: 'items', collection: 'messages', action: 'create', data: { text, user } });
	}
	const [replies, created] = [[], []];
	for (const _ of wanted) replies.push((await connection.next(isType('items'))).data);
	for (const _ of wanted) created.push((await connection.next(isEvent('create'))).data);
	const pairs = (rows) => rows.map((row) => `${row.user}: ${row.text}`).sort();
	equal(pairs(replies), pairs(wanted.map(([text, user]) => ({ text, user }))), 'replies');
	equal(pairs(created.flat()), pairs(replies), 'events');
	assert(replies.every((row) => row.id > 0 && !Number.isNaN(Date.parse(row.date_created))), replies);
	await sleep(20);
	connection.send({ type: 'items', collection: 'messages', action: 'create', data: { text: 'the latest', user: 'Ben' } });
	await connection.next(isType('items'));
	connection.send({ type: 'items', collection: 'messages', action: 'read', query: { limit: 1, sort: '-date_created' } });
	const latest = await connection.next(isType('items'));
	equal([latest.data.length, latest.data[0].text], [1, 'the latest']);
	equal(events, ['onopen']);
});

await check('000 without authentication a message tells of the failure', async (cleanup) => {
	const raw = await open(cleanup, urls.tight);
	const failure = await raw.next(isType('auth'));
	equal([failure.status, failure.error.code], ['error', 'AUTH_TIMEOUT']);
	await within(raw.closed, 3000, 'close');
});

await check('000 the server sends pings, and a pong keeps the connection', async (cleanup) => {
	const raw = await openAs(cleanup, urls.tight, ADMIN);
	raw.socket.addEventListener('message', (message) => {
		if (JSON.parse(message.data).type === 'ping') raw.send({ type: 'pong' });
	});
	for (let round = 0; round < 3; round += 1) await raw.next(isType('ping'), 2500);
	equal(raw.socket.readyState, 1);
});

await check('000 without a pong the connection is closed', async (cleanup) => {
	const raw = await openAs(cleanup, urls.tight, ADMIN);
	await within(raw.closed, 4000, 'close');
});

// ---------------------------------------------------------------- 003, modes and credentials

await check('003 public mode: subscribe and create with public permissions', async (cleanup) => {
	const raw = await open(cleanup, urls.public);
	const init = await raw.ask({ type: 'subscribe', collection: 'messages', uid: 's' });
	assert(init.event === 'init' && init.data.length > 0, init);
	const created = await raw.ask({ type: 'items', action: 'create', collection: 'messages', data: { text: 'public' }, uid: 'c' });
	equal(created.data.text, 'public');
	const refused = await raw.ask({ type: 'subscribe', collection: 'articles', uid: 'a' });
	equal([refused.status, refused.error.code], ['error', 'FORBIDDEN']);
});

await check('003 public mode: authenticating later adds rights', async (cleanup) => {
	const raw = await open(cleanup, urls.public);
	const auth = await raw.ask({ type: 'auth', access_token: READER.token, uid: 'auth' });
	equal(auth.status, 'ok');
	const init = await raw.ask({ type: 'subscribe', collection: 'articles', uid: 'a' });
	equal(init.event, 'init');
});

await check('003 handshake mode: the token in the URL authenticates', async (cleanup) => {
	const raw = await openAs(cleanup, urls.main, READER.token);
	equal((await raw.ask({ type: 'subscribe', collection: 'articles', uid: 's' })).event, 'init');
});

await check('003 handshake mode: an invalid token is refused', async (cleanup) => {
	const raw = await open(cleanup, urls.main);
	raw.send({ type: 'auth', access_token: 'nope' });
	const failure = await raw.next(isType('auth'));
	equal([failure.status, failure.error.code], ['error', 'AUTH_FAILED']);
	await within(raw.closed, 3000, 'close');
});

await check('003 strict mode: no token, no connection', async () => {
	const raw = new Raw(socketUrl(urls.strict));
	const failure = await raw.opened.then(
		() => '',
		(error) => error.message,
	);
	assert(failure.includes('401'), failure);
});

await check('003 strict mode: the token in the URL', async (cleanup) => {
	const raw = await openAs(cleanup, urls.strict, READER.token);
	equal((await raw.ask({ type: 'ping', uid: 'p' })).type, 'pong');
});

await check('003 strict mode: the token in a header', async (cleanup) => {
	const raw = await open(cleanup, urls.strict, '', { headers: { Authorization: `Bearer ${READER.token}` } });
	equal((await raw.ask({ type: 'ping', uid: 'p' })).type, 'pong');
});

await check('003 strict mode: the session cookie', async (cleanup) => {
	const login = await http(urls.strict, 'POST', '/auth/login', { body: { email: EDITOR.email, password: EDITOR.password, mode: 'session' } });
	equal(login.status, 200, JSON.stringify(login.body));
	const cookie = login.cookies.find((value) => value.startsWith('directus_session_token=')).split(';')[0];
	const raw = await open(cleanup, urls.strict, '', { headers: { Cookie: cookie } });
	equal((await raw.ask({ type: 'subscribe', collection: 'articles', uid: 'a' })).event, 'init');
});

await check('003 e-mail and password, then the refresh token, which works once', async (cleanup) => {
	const first = await open(cleanup, urls.main);
	const login = await first.ask({ type: 'auth', email: EDITOR.email, password: EDITOR.password, uid: 'l' });
	equal([login.status, typeof login.refresh_token], ['ok', 'string']);
	const second = await open(cleanup, urls.main);
	const refresh = await second.ask({ type: 'auth', refresh_token: login.refresh_token, uid: 'r' });
	equal([refresh.status, typeof refresh.refresh_token], ['ok', 'string']);
	const third = await open(cleanup, urls.main);
	third.send({ type: 'auth', refresh_token: login.refresh_token });
	equal((await third.next(isType('auth'))).error.code, 'AUTH_FAILED');
});

await check('003 an access token from /auth/login', async (cleanup) => {
	const login = await http(urls.main, 'POST', '/auth/login', { body: { email: EDITOR.email, password: EDITOR.password } });
	equal([login.status, Object.keys(login.body.data).sort()], [200, ['access_token', 'expires', 'refresh_token']]);
	const raw = await open(cleanup, urls.main);
	equal((await raw.ask({ type: 'auth', access_token: login.body.data.access_token, uid: 'a' })).status, 'ok');
	equal((await raw.ask({ type: 'subscribe', collection: 'articles', uid: 's' })).event, 'init');
});

await check('003 HTTP: refresh rotates the token, logout ends it', async () => {
	const login = await http(urls.main, 'POST', '/auth/login', { body: { email: READER.email, password: READER.password } });
	const old = login.body.data.refresh_token;
	const refresh = await http(urls.main, 'POST', '/auth/refresh', { body: { refresh_token: old, mode: 'json' } });
	equal(refresh.status, 200, JSON.stringify(refresh.body));
	const fresh = refresh.body.data.refresh_token;
	assert(fresh && fresh !== old, 'not rotated');
	equal((await http(urls.main, 'POST', '/auth/refresh', { body: { refresh_token: old, mode: 'json' } })).status, 401);
	equal((await http(urls.main, 'POST', '/auth/logout', { body: { refresh_token: fresh, mode: 'json' } })).status, 204);
	equal((await http(urls.main, 'POST', '/auth/refresh', { body: { refresh_token: fresh, mode: 'json' } })).status, 401);
	const wrong = await http(urls.main, 'POST', '/auth/login', { body: { email: READER.email, password: 'wrong' } });
	equal([wrong.status, wrong.body.errors[0].extensions.code], [401, 'INVALID_CREDENTIALS']);
	const missing = await http(urls.main, 'POST', '/auth/refresh', { body: { mode: 'json' } });
	equal([missing.status, missing.body.errors[0].extensions.code], [400, 'INVALID_PAYLOAD']);
});

// ---------------------------------------------------------------- 003, messages

await check('003 the complete example', async (cleanup) => {
	const ws = await open(cleanup, urls.main);
	ws.send({ type: 'auth', email: EDITOR.email, password: EDITOR.password });
	const auth = await ws.next((message) => message.type === 'auth' && message.status === 'ok');
	assert(auth, 'authenticated');
	ws.send({ type: 'subscribe', collection: 'articles', uid: 'sub-1' });
	const init = await ws.next(isType('subscription'));
	equal([init.event, init.uid], ['init', 'sub-1']);
	const reply = await ws.ask({ type: 'items', action: 'update', collection: 'articles', id: 1, data: { views: 101 }, uid: 'u' });
	equal(reply.data.views, 101);
	const update = await ws.next(isEvent('update'));
	equal([update.uid, update.data[0].views], ['sub-1', 101]);
});

await check('003 messages right behind the auth message are answered', async (cleanup) => {
	const ws = await open(cleanup, urls.main);
	ws.send({ type: 'auth', email: EDITOR.email, password: EDITOR.password, uid: 'auth' });
	ws.send({ type: 'subscribe', collection: 'articles', uid: 'sub' });
	const first = await ws.next();
	equal([first.type, first.status], ['auth', 'ok']);
	equal((await ws.next((message) => message.uid === 'sub')).event, 'init');
});

await check('003 create, read, update and delete in all forms, with uid', async (cleanup) => {
	const ws = await openAs(cleanup, urls.main, ADMIN);
	const items = (action, rest) => ws.ask({ type: 'items', action, collection: 'tags', uid: `${action} ${JSON.stringify(rest)}`, ...rest });
	const one = await items('create', { data: { label: 'one' } });
	const many = await items('create', { data: [{ label: 'two' }, { label: 'three' }] });
	equal(many.data.map((row) => row.label), ['two', 'three']);
	const ids = [one, ...many.data.map((data) => ({ data }))].map((reply) => reply.data.id);
	equal((await items('read', { id: ids[0] })).data.label, 'one');
	equal((await items('read', { ids })).data.length, 3);
	const filter = { id: { _in: ids } };
	const read = await items('read', { query: { filter, sort: ['-label'], fields: ['label'], limit: 2, meta: '*' } });
	equal(read.data, [{ label: 'two' }, { label: 'three' }]);
	equal(read.meta.filter_count, 3);
	equal((await items('update', { id: ids[0], data: { label: 'ONE' } })).data.label, 'ONE');
	equal((await items('update', { ids: ids.slice(1), data: { label: null } })).data.map((row) => row.label), [null, null]);
	equal((await items('update', { data: [{ id: ids[1], label: 'TWO' }, { id: ids[2], label: 'THREE' }] })).data.length, 2);
	equal((await items('update', { query: { filter }, data: { label: null } })).data.length, 3);
	equal((await items('delete', { id: ids[0] })).data, ids[0]);
	equal((await items('delete', { ids: [ids[1]] })).data, [ids[1]]);
	equal((await items('delete', { query: { filter } })).data, [ids[2]]);
	equal((await items('read', { ids })).data, []);
});

await check('003 a singleton is read as an object and written without a key', async (cleanup) => {
	const ws = await openAs(cleanup, urls.main, ADMIN);
	const before = await ws.ask({ type: 'items', action: 'read', collection: 'site_settings', uid: 1 });
	assert(before.data && !Array.isArray(before.data), before);
	const after = await ws.ask({ type: 'items', action: 'update', collection: 'site_settings', data: { site_name: 'renamed' }, uid: 2 });
	equal(after.data.site_name, 'renamed');
});

await check('003 errors carry type, status, uid, code and message', async (cleanup) => {
	const ws = await openAs(cleanup, urls.main, READER.token);
	const refused = await ws.ask({ type: 'subscribe', collection: 'no_access', uid: 'request-123' });
	equal([refused.type, refused.status, refused.uid, refused.error.code], ['subscribe', 'error', 'request-123', 'FORBIDDEN']);
	assert(refused.error.message.startsWith("You don't have permission to access"), refused.error.message);
	equal((await ws.ask({ type: 'items', action: 'read', collection: 'directus_users', uid: 'c' })).error.code, 'INVALID_COLLECTION');
	equal((await ws.ask({ type: 'items', action: 'read', collection: 'no_access', uid: 'f' })).error.code, 'FORBIDDEN');
	equal((await ws.ask({ type: 'items', action: 'fly', collection: 'articles', uid: 'a' })).error.code, 'INVALID_PAYLOAD');
	ws.send('not json');
	const junk = await ws.next(isType('server'));
	equal(junk.error.code, 'INVALID_PAYLOAD');
});

await check('003 every response has a type and a status (the validator drops nothing)', async (cleanup) => {
	const ws = await openAs(cleanup, urls.main, ADMIN);
	await ws.ask({ type: 'auth', access_token: ADMIN, uid: 'a' });
	await ws.ask({ type: 'ping', uid: 'p' });
	await ws.ask({ type: 'subscribe', collection: 'tags', uid: 's' });
	const created = await ws.ask({ type: 'items', action: 'create', collection: 'tags', data: { label: 'valid' }, uid: 'c' });
	await ws.next(isEvent('create'));
	await ws.ask({ type: 'items', action: 'update', collection: 'tags', id: created.data.id, data: { label: 'valid too' }, uid: 'u' });
	await ws.next(isEvent('update'));
	await ws.ask({ type: 'items', action: 'delete', collection: 'tags', id: created.data.id, uid: 'd' });
	await ws.next(isEvent('delete'));
	await ws.ask({ type: 'items', action: 'read', collection: 'nope', uid: 'e' });
	ws.send({ type: 'unsubscribe', uid: 's' });
	await ws.next(isEvent('unsubscribe'));
	const invalid = ws.inbox.all.filter((message) => !message.type || !['ok', 'error'].includes(message.status));
	equal(invalid, [], `of ${ws.inbox.all.length}`);
});

await check('003 ping gets pong with its uid', async (cleanup) => {
	const ws = await openAs(cleanup, urls.main, READER.token);
	equal((await ws.ask({ type: 'ping', uid: 'here' })).type, 'pong');
	ws.send({ type: 'ping' });
	equal((await ws.next(isType('pong'))).uid, undefined);
});

await check('003 too many messages: REQUESTS_EXCEEDED, and the connection stays', async (cleanup) => {
	const ws = await openAs(cleanup, urls.rate, READER.token);
	for (let number = 0; number < 7; number += 1) ws.send({ type: 'ping', uid: number });
	const exceeded = await ws.next(isError('REQUESTS_EXCEEDED'));
	equal([exceeded.type, exceeded.status], ['server', 'error']);
	const retry = /^Too many messages, retry after (\d+)ms\.$/.exec(exceeded.error.message);
	assert(retry, exceeded.error.message);
	await sleep(Number(retry[1]) + 100);
	equal((await ws.ask({ type: 'ping', uid: 'again' })).type, 'pong');
});

await check('003 an expired token is told of, and a refresh token restores the connection', async (cleanup) => {
	const ws = await open(cleanup, urls.tight);
	ws.socket.addEventListener('message', (message) => {
		if (JSON.parse(message.data).type === 'ping') ws.send({ type: 'pong' });
	});
	const login = await http(urls.tight, 'POST', '/auth/login', { body: { email: EDITOR.email, password: EDITOR.password } });
	equal((await ws.ask({ type: 'auth', access_token: login.body.data.access_token, uid: 1 })).status, 'ok');
	equal((await ws.ask({ type: 'subscribe', collection: 'articles', uid: 's' })).event, 'init');
	const expired = await ws.next(isError('TOKEN_EXPIRED'), 6000);
	equal(expired.type, 'auth');
	equal((await ws.ask({ type: 'auth', refresh_token: login.body.data.refresh_token, uid: 2 })).status, 'ok');
	await ws.ask({ type: 'items', action: 'update', collection: 'articles', id: 2, data: { views: 251 }, uid: 'u' });
	equal((await ws.next(isEvent('update'))).data[0].views, 251);
});

await check('003 without re-authentication in time the connection is closed', async (cleanup) => {
	const ws = await open(cleanup, urls.tight);
	const login = await http(urls.tight, 'POST', '/auth/login', { body: { email: READER.email, password: READER.password } });
	ws.socket.addEventListener('message', (message) => {
		if (JSON.parse(message.data).type === 'ping') ws.send({ type: 'pong' });
	});
	equal((await ws.ask({ type: 'auth', access_token: login.body.data.access_token, uid: 1 })).status, 'ok');
	await ws.next(isError('TOKEN_EXPIRED'), 6000);
	await ws.next(isError('AUTH_TIMEOUT'), 6000);
	await within(ws.closed, 3000, 'close');
});

await check('003 permission changes take effect immediately', async (cleanup) => {
	const ws = await openAs(cleanup, urls.main, READER.token);
	const writer = await openAs(cleanup, urls.main, ADMIN);
	equal((await ws.ask({ type: 'subscribe', collection: 'articles', uid: 's', query: { fields: ['id', 'views'] } })).event, 'init');
	const rule = "collection = 'articles' and action = 'read' and policy = '30000000-0000-4000-8000-000000000003'";
	const saved = sql('main', `delete from directus_permissions where ${rule} returning id`).split('\n')[0];
	cleanup(() => sql('main', `insert into directus_permissions (id, collection, action, permissions, validation, fields, policy) values (${saved}, 'articles', 'read', '{}', '{}', '*', '30000000-0000-4000-8000-000000000003') on conflict do nothing`));
	await ws.next(isError('FORBIDDEN'));
	await writer.ask({ type: 'items', action: 'update', collection: 'articles', id: 3, data: { views: 8 }, uid: 'u1' });
	equal((await ws.ask({ type: 'items', action: 'read', collection: 'articles', uid: 'r' })).error.code, 'FORBIDDEN');
	equal(ws.inbox.unread().filter(isEvent('update')), [], 'events without permission:');
	sql('main', `insert into directus_permissions (id, collection, action, permissions, validation, fields, policy) values (${saved}, 'articles', 'read', '{}', '{}', '*', '30000000-0000-4000-8000-000000000003')`);
	const deadline = Date.now() + 5000;
	while ((await ws.ask({ type: 'items', action: 'read', collection: 'articles', uid: `r${Date.now()}` })).error && Date.now() < deadline);
	await writer.ask({ type: 'items', action: 'update', collection: 'articles', id: 3, data: { views: 9 }, uid: 'u2' });
	equal((await ws.next(isEvent('update'))).data, [{ id: 3, views: 9 }]);
});

await check('003 reconnecting with growing delays', async (cleanup) => {
	let reconnectAttempts = 0;
	const maxReconnectAttempts = 10;
	const opened = [];
	let current;
	const twice = new Promise((resolve) => {
		function connect() {
			const ws = new Raw(socketUrl(urls.main, `?access_token=${READER.token}`)).socket;
			current = ws;
			ws.onclose = () => {
				if (reconnectAttempts < maxReconnectAttempts && opened.length < 2) {
					reconnectAttempts += 1;
					setTimeout(connect, Math.min(1000 * 2 ** reconnectAttempts, 30000));
				}
			};
			ws.onopen = () => {
				reconnectAttempts = 0;
				opened.push(Date.now());
				if (opened.length === 2) resolve();
				else ws.terminate();
			};
		}
		connect();
	});
	await within(twice, 8000, 'the second connection');
	cleanup(() => current.terminate());
});

await check('003 closing with a code and a reason', async (cleanup) => {
	const ws = await openAs(cleanup, urls.main, READER.token);
	ws.socket.close(1000, 'Page unload');
	const closed = await within(ws.closed, 3000, 'close');
	equal([closed.code, closed.wasClean], [1000, true]);
});

await check('003 the environment in milliseconds, as the guide writes it', async (cleanup) => {
	// The gateway `guide` runs with AUTH_TIMEOUT=10000, HEARTBEAT_PERIOD=30000 and CONN_LIMIT=100.
	const ws = await open(cleanup, urls.guide);
	await sleep(1500);
	equal((await ws.ask({ type: 'auth', access_token: READER.token, uid: 'late' })).status, 'ok');
	await sleep(1500);
	equal(ws.inbox.all.filter(isType('ping')), [], 'pings:');
});

// ---------------------------------------------------------------- subscriptions

await check('004 a subscription with event gets that event only, and its init has no data', async (cleanup) => {
	const ws = await openAs(cleanup, urls.main, ADMIN);
	const init = await ws.ask({ type: 'subscribe', collection: 'tags', event: 'create', uid: 'c' });
	equal([init.event, 'data' in init], ['init', false]);
	const created = await ws.ask({ type: 'items', action: 'create', collection: 'tags', data: { label: 'event' }, uid: 1 });
	equal((await ws.next(isEvent('create'))).data[0].id, created.data.id);
	await ws.ask({ type: 'items', action: 'delete', collection: 'tags', id: created.data.id, uid: 2 });
	const marker = await ws.ask({ type: 'items', action: 'create', collection: 'tags', data: { label: 'marker' }, uid: 3 });
	equal((await ws.next(isType('subscription'))).data[0].id, marker.data.id, 'the next event is the marker:');
});

await check('004 an item that leaves the filter is deleted from the subscription, one that enters is updated', async (cleanup) => {
	const ws = await openAs(cleanup, urls.main, ADMIN);
	const query = { filter: { status: { _eq: 'published' } }, fields: ['id', 'status'] };
	await ws.ask({ type: 'subscribe', collection: 'articles', uid: 'f', query });
	await ws.ask({ type: 'items', action: 'update', collection: 'articles', id: 7, data: { status: 'draft' }, uid: 1 });
	const left = await ws.next(isType('subscription'));
	equal([left.event, left.data], ['delete', [7]]);
	await ws.ask({ type: 'items', action: 'update', collection: 'articles', id: 7, data: { status: 'published' }, uid: 2 });
	const entered = await ws.next(isType('subscription'));
	assert(['update', 'create'].includes(entered.event), entered);
	equal(entered.data, [{ id: 7, status: 'published' }]);
});

await check('004 a delete of a row that the filter never showed is silent', async (cleanup) => {
	const ws = await openAs(cleanup, urls.main, ADMIN);
	await ws.ask({ type: 'subscribe', collection: 'tags', uid: 'f', query: { filter: { label: { _starts_with: 'seen' } }, fields: ['label'] } });
	const hidden = await ws.ask({ type: 'items', action: 'create', collection: 'tags', data: { label: 'hidden' }, uid: 1 });
	await ws.ask({ type: 'items', action: 'delete', collection: 'tags', id: hidden.data.id, uid: 2 });
	await ws.ask({ type: 'items', action: 'create', collection: 'tags', data: { label: 'seen' }, uid: 3 });
	const first = await ws.next(isType('subscription'));
	equal([first.event, first.data], ['create', [{ label: 'seen' }]]);
});

await check('004 a change by SQL reaches the subscription', async (cleanup) => {
	const ws = await openAs(cleanup, urls.main, ADMIN);
	await ws.ask({ type: 'subscribe', collection: 'messages', uid: 's' });
	sql('main', "insert into messages (text) values ('by psql')");
	equal((await ws.next(isEvent('create'))).data[0].text, 'by psql');
});

await check('004 one item: its updates as an object, its deletion', async (cleanup) => {
	const ws = await openAs(cleanup, urls.main, ADMIN);
	const tag = await ws.ask({ type: 'items', action: 'create', collection: 'tags', data: { label: 'single' }, uid: 1 });
	const init = await ws.ask({ type: 'subscribe', collection: 'tags', item: tag.data.id, uid: 'i' });
	equal(init.data.label, 'single');
	await ws.ask({ type: 'items', action: 'update', collection: 'tags', id: tag.data.id, data: { label: 'changed' }, uid: 2 });
	equal((await ws.next(isEvent('update'))).data.label, 'changed');
	await ws.ask({ type: 'items', action: 'delete', collection: 'tags', id: tag.data.id, uid: 3 });
	equal((await ws.next(isEvent('delete'))).uid, 'i');
});

await check('004 unsubscribe ends one subscription and leaves the others', async (cleanup) => {
	const ws = await openAs(cleanup, urls.main, ADMIN);
	await ws.ask({ type: 'subscribe', collection: 'tags', uid: 'a' });
	await ws.ask({ type: 'subscribe', collection: 'tags', uid: 'b' });
	ws.send({ type: 'unsubscribe', uid: 'a' });
	equal((await ws.next(isEvent('unsubscribe'))).uid, 'a');
	await ws.ask({ type: 'items', action: 'create', collection: 'tags', data: { label: 'after' }, uid: 1 });
	equal((await ws.next(isEvent('create'))).uid, 'b');
	await ws.ask({ type: 'ping', uid: 'p' });
	equal(ws.inbox.unread().filter(isType('subscription')), []);
});

await check('004 a second subscription with the same uid replaces the first', async (cleanup) => {
	const ws = await openAs(cleanup, urls.main, ADMIN);
	await ws.ask({ type: 'subscribe', collection: 'tags', uid: '1', query: { fields: ['id'] } });
	await ws.ask({ type: 'subscribe', collection: 'tags', uid: '1', query: { fields: ['label'] } });
	await ws.ask({ type: 'items', action: 'create', collection: 'tags', data: { label: 'replaced' }, uid: 'c' });
	equal((await ws.next(isEvent('create'))).data, [{ label: 'replaced' }]);
	await ws.ask({ type: 'ping', uid: 'p' });
	equal(ws.inbox.unread().filter(isType('subscription')), []);
});

done();
