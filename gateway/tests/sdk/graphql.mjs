// The GraphQL endpoint through the clients that people use: graphql-ws, Apollo Client, plain HTTP, and graphql-js for the
// schema; then what no client shows, through a raw WebSocket.

import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { buildClientSchema, getIntrospectionQuery, printSchema, validateSchema } from 'graphql';
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';

import { ADMIN, EDITOR, Inbox, READER, Raw, assert, check, done, equal, http, openAs, sleep, sql, urls, within } from './check.mjs';

const socketUrl = (base, query = '') => `${base.replace(/^http/, 'ws')}/graphql${query}`;

/** A graphql-ws client, ended with the check. */
function client(cleanup, base, token, options = {}) {
	const made = createClient({
		url: socketUrl(base),
		webSocketImpl: WebSocket,
		connectionParams: { access_token: token },
		lazyCloseTimeout: 0,
		retryAttempts: 3,
		retryWait: async () => {},
		...options,
	});
	cleanup(() => made.dispose());
	return made;
}

/** One operation and its one result. */
async function once(of, query, variables) {
	const results = [];
	await new Promise((resolve, reject) => {
		of.subscribe({ query, variables }, { next: (result) => results.push(result), error: reject, complete: resolve });
	});
	equal(results.length, 1, 'results');
	return results[0];
}

/** A subscription whose results go to an inbox. It is live when the gateway counts it. */
async function listen(cleanup, of, query, variables) {
	const inbox = new Inbox();
	const stop = of.subscribe({ query, variables }, { next: (result) => inbox.push(result), error: (error) => inbox.push({ error }), complete() {} });
	cleanup(stop);
	return Object.assign(inbox, { stop });
}

/** Writes until the subscription hears of it: subscriptions are not confirmed. */
async function until(inbox, write, fits) {
	for (let round = 0; round < 50; round += 1) {
		await write(round);
		try {
			return await inbox.next(fits, 200);
		} catch {
			// Not live yet.
		}
	}
	throw new Error('the subscription never heard of a change');
}

const post = (base, token, query, variables, more = {}) => http(base, 'POST', '/graphql', { token, body: { query, variables, ...more } });
const createItem = async (base, text, user = 'gql') => (await http(base, 'POST', '/items/messages', { token: ADMIN, body: { text, user } })).body.data;

// ---------------------------------------------------------------- graphql-ws

await check('graphql-ws: queries over the socket, with arguments, aliases, fragments and variables', async (cleanup) => {
	const of = client(cleanup, urls.main, ADMIN);
	const { data, errors } = await once(
		of,
		`query Q($n: Int, $k: ID!) {
			first: articles(limit: $n, sort: ["id"]) { ...A who: author { called: name } comments(limit: 1, sort: ["-id"]) { id } }
			one: articles_by_id(id: $k) { __typename ...A }
			articles_aggregated { countAll }
		}
		fragment A on articles { id title }`,
		{ n: 2, k: '1' },
	);
	equal(errors, undefined, 'errors');
	equal(data.first.length, 2);
	equal([data.first[0].id, data.first[0].who.called, data.first[0].comments], ['1', 'Ada Lovelace', [{ id: '2' }]]);
	equal([data.one.__typename, data.one.id], ['articles', '1']);
	assert(data.articles_aggregated[0].countAll > 2, data);
});

await check('graphql-ws: an error of one field leaves the others, and has its code', async (cleanup) => {
	const of = client(cleanup, urls.main, ADMIN);
	const { data, errors } = await once(of, '{ a: messages_by_id(id: 1) { id } b: messages_by_id(id: 999999) { id } }');
	equal([data.a.id, data.b], ['1', null]);
	equal([errors.length, errors[0].path, errors[0].extensions.code], [1, ['b'], 'FORBIDDEN']);
});

await check('graphql-ws: mutations run in order, and a failed one does not stop the next', async (cleanup) => {
	const of = client(cleanup, urls.main, ADMIN);
	const { data, errors } = await once(
		of,
		`mutation($d: create_messages_input!) {
			a: create_messages_item(data: $d) { id text }
			b: create_articles_item(data: { title: "x", slug: "engines" }) { id }
			c: create_messages_items(data: [{ text: "2" }, { text: "3" }]) { text }
		}`,
		{ d: { text: '1' } },
	);
	equal([data.a.text, data.b, data.c.map((row) => row.text)], ['1', null, ['2', '3']]);
	equal(errors.map((error) => [error.path, error.extensions.code]), [[['b'], 'RECORD_NOT_UNIQUE']]);
	const gone = await once(of, 'mutation($k: ID!) { delete_messages_item(id: $k) { id } }', { k: data.a.id });
	equal(gone.data.delete_messages_item.id, data.a.id);
});

await check('graphql-ws: a subscription with fragments, aliases and nested arguments hears create, update and delete', async (cleanup) => {
	const of = client(cleanup, urls.main, ADMIN);
	const inbox = await listen(
		cleanup,
		of,
		`subscription { m: messages_mutated { ...M } }
		fragment M on messages_mutated { key event d: data { ...D } }
		fragment D on messages { id words: text user }`,
	);
	const { data } = await until(inbox, (round) => createItem(urls.main, `f${round}`), (result) => result.data?.m.event === 'create');
	equal(Object.keys(data.m), ['key', 'event', 'd']);
	equal(data.m.key, data.m.d.id);
	assert(data.m.d.words.startsWith('f'), data);
	await http(urls.main, 'PATCH', `/items/messages/${data.m.key}`, { token: ADMIN, body: { text: 'changed' } });
	const changed = await inbox.next((result) => result.data?.m.event === 'update');
	equal(changed.data.m, { key: data.m.key, event: 'update', d: { id: data.m.key, words: 'changed', user: 'gql' } });
	await http(urls.main, 'DELETE', `/items/messages/${data.m.key}`, { token: ADMIN });
	const deleted = await inbox.next((result) => result.data?.m.event === 'delete');
	equal(deleted.data.m, { key: data.m.key, event: 'delete', d: null });
});

await check('graphql-ws: aliased relations and nested arguments in a subscription', async (cleanup) => {
	const of = client(cleanup, urls.main, ADMIN);
	const inbox = await listen(
		cleanup,
		of,
		'subscription { articles_mutated(event: update) { data { id who: author { name } last: comments(sort: ["-id"], limit: 1) { id } } } }',
	);
	const write = (round) => http(urls.main, 'PATCH', '/items/articles/1', { token: ADMIN, body: { views: 1000 + round } });
	const { data } = await until(inbox, write, (result) => result.data?.articles_mutated.data.id === '1');
	equal(data.articles_mutated.data, { id: '1', who: { name: 'Ada Lovelace' }, last: [{ id: '2' }] });
});

await check('graphql-ws: `event` is a filter as a variable too', async (cleanup) => {
	const of = client(cleanup, urls.main, ADMIN);
	const inbox = await listen(cleanup, of, 'subscription($e: EventEnum) { messages_mutated(event: $e) { key event } }', { e: 'delete' });
	const write = async () => {
		const { id } = await createItem(urls.main, 'short-lived');
		await http(urls.main, 'PATCH', `/items/messages/${id}`, { token: ADMIN, body: { text: 'x' } });
		await http(urls.main, 'DELETE', `/items/messages/${id}`, { token: ADMIN });
	};
	await until(inbox, write, () => true);
	assert(inbox.all.every((result) => result.data.messages_mutated.event === 'delete'), inbox.all);
});

await check('graphql-ws: after complete nothing more comes', async (cleanup) => {
	const of = client(cleanup, urls.main, ADMIN);
	const raw = [];
	of.on('message', (message) => raw.push(message));
	const one = await listen(cleanup, of, 'subscription { messages_mutated { key } }');
	const two = await listen(cleanup, of, 'subscription { messages_mutated { key event } }');
	await until(one, () => createItem(urls.main, 'a'), () => true);
	await until(two, () => createItem(urls.main, 'a'), () => true);
	one.stop();
	// Messages are handled in order: with the result of a later query, the complete has been handled too.
	await once(of, '{ __typename }');
	const before = one.all.length;
	const ids = () => new Set(raw.filter((message) => message.type === 'next').map((message) => message.id)).size;
	const seen = ids();
	const { id } = await createItem(urls.main, 'after');
	await two.next((result) => result.data.messages_mutated.key === String(id));
	equal([one.all.length, ids()], [before, seen]);
});

await check('graphql-ws: when a token expires the connection ends with 4403, and the client goes on with a new one', async (cleanup) => {
	const login = await http(urls.tight, 'POST', '/auth/login', { body: { email: EDITOR.email, password: EDITOR.password } });
	const tokens = [login.body.data.access_token];
	const closes = [];
	const of = client(cleanup, urls.tight, '', {
		connectionParams: () => ({ access_token: tokens.shift() ?? EDITOR.token }),
		on: { closed: (event) => closes.push(event.code) },
	});
	const inbox = await listen(cleanup, of, 'subscription { articles_mutated { key } }');
	const write = (round) => http(urls.tight, 'PATCH', '/items/articles/1', { token: ADMIN, body: { views: round } });
	await until(inbox, write, () => true);
	const deadline = Date.now() + 8000;
	while (closes.length === 0 && Date.now() < deadline) await sleep(50);
	equal(closes, [4403]);
	await until(inbox, write, () => true);
	assert(inbox.all.every((result) => result.data), inbox.all);
});

await check('graphql-ws: a user who is suspended is cut off', async (cleanup) => {
	const of = client(cleanup, urls.main, READER.token, { retryAttempts: 0 });
	const closed = new Promise((resolve) => of.on('closed', resolve));
	const inbox = await listen(cleanup, of, 'subscription { articles_mutated { key } }');
	await until(inbox, (round) => http(urls.main, 'PATCH', '/items/articles/1', { token: ADMIN, body: { views: round } }), () => true);
	cleanup(() => sql('main', `update directus_users set status = 'active' where token = '${READER.token}'`));
	sql('main', `update directus_users set status = 'suspended' where token = '${READER.token}'`);
	equal((await within(closed, 5000, 'close')).code, 4403);
});

await check('graphql-ws: a permission that is taken away ends the subscription with an error', async (cleanup) => {
	const of = client(cleanup, urls.main, 'tok-writer');
	const inbox = await listen(cleanup, of, 'subscription { messages_mutated { key data { text } } }');
	await until(inbox, () => createItem(urls.main, 'still'), () => true);
	const policy = sql('main', "select policy from directus_permissions where collection = 'messages' and action = 'read' and policy in (select policy from directus_access a join directus_users u on u.id = a.user or u.role = a.role where u.token = 'tok-writer') limit 1");
	assert(policy, 'the writer reads messages');
	const rows = sql('main', `select json_agg(p) from directus_permissions p where collection = 'messages' and action = 'read' and (policy in (select policy from directus_access a join directus_users u on u.id = a.user or u.role = a.role where u.token = 'tok-writer') or policy in (select policy from directus_access where role is null and "user" is null))`);
	const ids = JSON.parse(rows).map((row) => row.id).join(',');
	sql('main', `update directus_permissions set action = 'share' where id in (${ids})`);
	cleanup(() => sql('main', `update directus_permissions set action = 'read' where id in (${ids})`));
	const ended = await inbox.next((result) => result.error);
	equal(ended.error[0].extensions.code, 'FORBIDDEN');
});

// ---------------------------------------------------------------- Apollo Client

await check('Apollo Client: queries and mutations by HTTP, subscriptions over the socket', async (cleanup) => {
	const links = {
		http: new HttpLink({ uri: `${urls.main}/graphql`, headers: { authorization: `Bearer ${ADMIN}` } }),
		socket: new GraphQLWsLink(client(cleanup, urls.main, ADMIN)),
	};
	const link = ApolloLink.split(({ operationType }) => operationType === 'subscription', links.socket, links.http);
	const apollo = new ApolloClient({ link, cache: new InMemoryCache() });
	cleanup(() => apollo.stop());
	const heard = new Inbox();
	const watching = apollo
		.subscribe({ query: gql`subscription { messages_mutated(event: create) { key data { id text } } }` })
		.subscribe({ next: (result) => heard.push(result), error: (error) => heard.push({ error }) });
	cleanup(() => watching.unsubscribe());
	const mutation = gql`mutation ($t: String) { create_messages_item(data: { text: $t }) { id text } }`;
	const write = (round) => apollo.mutate({ mutation, variables: { t: `apollo ${round}` } });
	const { data } = await until(heard, write, (result) => result.data?.messages_mutated.data.text.startsWith('apollo'));
	const { id } = data.messages_mutated.data;
	const read = await apollo.query({ query: gql`query ($id: ID!) { messages_by_id(id: $id) { id text } }`, variables: { id } });
	equal([read.data.messages_by_id.__typename, read.data.messages_by_id.text], ['messages', data.messages_mutated.data.text]);
});

await check('Apollo Client: everything over the socket', async (cleanup) => {
	const apollo = new ApolloClient({ link: new GraphQLWsLink(client(cleanup, urls.main, READER.token)), cache: new InMemoryCache() });
	cleanup(() => apollo.stop());
	const read = await apollo.query({ query: gql`{ articles(limit: 1, sort: ["id"]) { id title author { name } } }` });
	equal([read.data.articles.length, read.data.articles[0].__typename], [1, 'articles']);
});

// ---------------------------------------------------------------- HTTP

await check('HTTP: POST and GET, and what they are refused with', async () => {
	const read = await post(urls.main, ADMIN, '{ articles_by_id(id: 1) { id } }');
	equal([read.status, read.body], [200, { data: { articles_by_id: { id: '1' } } }]);
	assert(read.headers.get('content-type').startsWith('application/json'), read.headers.get('content-type'));
	const get = await http(urls.main, 'GET', `/graphql?query=${encodeURIComponent('query($k:ID!){articles_by_id(id:$k){id}}')}&variables=${encodeURIComponent('{"k":"1"}')}`, { token: ADMIN });
	equal([get.status, get.body], [200, read.body]);
	const mutation = encodeURIComponent('mutation{delete_messages_item(id:1){id}}');
	const write = await http(urls.main, 'GET', `/graphql?query=${mutation}`, { token: ADMIN });
	equal([write.status, write.headers.get('allow'), write.body.errors[0].extensions.code], [405, 'POST', 'METHOD_NOT_ALLOWED']);
	equal(sql('main', 'select count(*) from messages where id = 1'), '1');
	equal((await http(urls.main, 'PUT', '/graphql', { token: ADMIN, body: {} })).status, 405);
	const invalid = await post(urls.main, ADMIN, '{ articles { nope } }');
	equal([invalid.status, invalid.body.errors[0].extensions.code], [400, 'GRAPHQL_VALIDATION']);
	equal(invalid.body.errors[0].extensions.errors[0].locations, [{ line: 1, column: 14 }]);
	for (const body of [{}, { query: '' }, { query: 5 }, [], { query: '{__typename}', variables: 'x' }]) {
		const refused = await http(urls.main, 'POST', '/graphql', { token: ADMIN, body });
		equal([refused.status, refused.body.errors[0].extensions.code], [400, 'INVALID_PAYLOAD'], JSON.stringify(body));
	}
	const subscription = await post(urls.main, ADMIN, 'subscription{messages_mutated{key}}');
	equal([subscription.status, subscription.body.errors[0].extensions.code], [400, 'INVALID_PAYLOAD']);
	equal((await post(urls.main, 'nobody', '{__typename}')).status, 401);
});

await check('HTTP: the public, and errors of execution beside the data', async () => {
	const nobody = await post(urls.main, undefined, '{ articles { id } }');
	equal([nobody.status, nobody.body.errors[0].extensions.code], [400, 'GRAPHQL_VALIDATION']);
	const { status, body } = await post(urls.main, ADMIN, '{ a: messages_by_id(id: 999999) { id } b: articles_by_id(id: 1) { id } }');
	equal([status, body.data.a, body.data.b.id, body.errors[0].extensions.code], [200, null, '1', 'FORBIDDEN']);
	const wrong = await post(urls.main, ADMIN, '{ articles(filter: { published_at: { _gt: "no date" } }) { id } }');
	const text = JSON.stringify(wrong.body);
	assert(!/syntax|SELECT|22P02|22007|invalid input/i.test(text), text);
});

// ---------------------------------------------------------------- the schema in stock tools

await check('introspection: graphql-js builds and accepts the schema, by HTTP and over the socket', async (cleanup) => {
	const query = getIntrospectionQuery({ inputValueDeprecation: true });
	const byHttp = await post(urls.main, ADMIN, query);
	equal([byHttp.status, byHttp.body.errors], [200, undefined]);
	const schema = buildClientSchema(byHttp.body.data);
	equal(validateSchema(schema).map((error) => error.message), []);
	const text = printSchema(schema);
	for (const part of ['type articles {', 'type Subscription {', 'articles_mutated(event: EventEnum): articles_mutated']) assert(text.includes(part), part);
	const bySocket = await once(client(cleanup, urls.main, ADMIN), query);
	equal(printSchema(buildClientSchema(bySocket.data)), text);
	const reader = buildClientSchema((await post(urls.main, READER.token, query)).body.data);
	equal(validateSchema(reader).map((error) => error.message), []);
	assert(!printSchema(reader).includes('messages'), 'a reader sees what he may read');
});

// ---------------------------------------------------------------- what clients do not show

/** An acknowledged raw connection. */
async function acknowledged(cleanup, base, token = ADMIN, options = {}) {
	const raw = new Raw(socketUrl(base), ['graphql-transport-ws'], options);
	cleanup(() => raw.close());
	await within(raw.opened, 5000, 'open');
	raw.send({ type: 'connection_init', payload: { access_token: token } });
	await raw.next((message) => message.type === 'connection_ack');
	return raw;
}

await check('hostile documents are refused at once', async (cleanup) => {
	const raw = await acknowledged(cleanup, urls.main);
	const deep = `{ articles { ${'author { articles { '.repeat(500)} id ${'} } '.repeat(500)} } }`;
	const wide = `{ ${Array.from({ length: 20000 }, (_, i) => `a${i}: __typename`).join(' ')} }`;
	const cycle = '{ articles { ...A } } fragment A on articles { ...B } fragment B on articles { ...A }';
	const spread = `{ articles { ...F0 } } ${Array.from({ length: 40 }, (_, i) => `fragment F${i} on articles { ...F${i + 1} ...F${i + 1} }`).join(' ')} fragment F40 on articles { id }`;
	const roots = `{ ${Array.from({ length: 400 }, (_, i) => `a${i}: articles { ...F } `).join(' ')} } fragment F on articles { ${Array.from({ length: 100 }, (_, i) => `t${i}: title`).join(' ')} }`;
	for (const [name, query] of Object.entries({ deep, wide, cycle, spread, roots })) {
		const start = performance.now();
		raw.send({ id: name, type: 'subscribe', payload: { query } });
		const answer = await raw.next((message) => message.id === name);
		equal(answer.type, 'error', name);
		const took = performance.now() - start;
		assert(took < 1000, `${name} took ${took} ms`);
	}
});

await check('the server pings by protocol frames, and a client that does not answer is closed', async (cleanup) => {
	const raw = await acknowledged(cleanup, urls.tight, ADMIN, { autoPong: false });
	let pings = 0;
	raw.socket.on('ping', () => (pings += 1));
	const closed = await within(raw.closed, 5000, 'close');
	equal([pings > 0, closed.code], [true, 1005]);
	const alive = await acknowledged(cleanup, urls.tight);
	let answered = 0;
	alive.socket.on('ping', () => (answered += 1));
	const deadline = Date.now() + 8000;
	while (answered < 3 && Date.now() < deadline) await sleep(50);
	equal([answered >= 3, alive.socket.readyState], [true, 1]);
	const pong = new Promise((resolve) => alive.socket.once('pong', resolve));
	alive.socket.ping();
	await within(pong, 2000, 'pong');
	equal(alive.inbox.all.map((message) => message.type), ['connection_ack']);
});

await check('the rate limit is told by the error of the operation', async (cleanup) => {
	const raw = await acknowledged(cleanup, urls.rate);
	for (let id = 0; id < 8; id += 1) raw.send({ id: `${id}`, type: 'subscribe', payload: { query: '{__typename}' } });
	const refused = await raw.next((message) => message.type === 'error');
	equal(refused.payload[0].extensions.code, 'REQUESTS_EXCEEDED');
	await sleep(2100);
	raw.send({ id: 'again', type: 'subscribe', payload: { query: '{__typename}' } });
	equal((await raw.next((message) => message.id === 'again')).type, 'next');
});

await check('strict: the upgrade needs a token, and the payload none', async (cleanup) => {
	const refused = new Raw(socketUrl(urls.strict), ['graphql-transport-ws']);
	assert(await refused.opened.then(() => false, (error) => error.message.includes('401')), 'refused');
	const raw = new Raw(socketUrl(urls.strict, `?access_token=${ADMIN}`), ['graphql-transport-ws']);
	cleanup(() => raw.close());
	await within(raw.opened, 5000, 'open');
	raw.send({ type: 'connection_init' });
	equal(await raw.next(), { type: 'connection_ack' });
	raw.send({ id: '1', type: 'subscribe', payload: { query: '{ articles_by_id(id: 1) { id } }' } });
	equal((await raw.next()).payload, { data: { articles_by_id: { id: '1' } } });
});

await check('an upgrade to a path that nobody owns is 404', async () => {
	for (const path of ['/graphql/system', '/graphql/', '/nothing']) {
		const raw = new Raw(`${urls.main.replace(/^http/, 'ws')}${path}`, ['graphql-transport-ws']);
		assert(await raw.opened.then(() => false, (error) => error.message.includes('404')), path);
	}
});

await check('a change is told to both protocols, and a delete to those who saw the row', async (cleanup) => {
	const rest = await openAs(cleanup, urls.main, ADMIN);
	await rest.ask({ type: 'subscribe', collection: 'messages', uid: 'r', query: { fields: ['id', 'text'] } });
	const inbox = await listen(cleanup, client(cleanup, urls.main, ADMIN), 'subscription { messages_mutated { key event data { id text } } }');
	await until(inbox, () => createItem(urls.main, 'both'), () => true);
	const { id } = await createItem(urls.main, 'the one');
	await rest.next((message) => message.event === 'create' && message.data[0].id === id);
	await inbox.next((result) => result.data.messages_mutated.key === String(id));
	await http(urls.main, 'DELETE', '/items/messages', { token: ADMIN, body: [id] });
	equal((await rest.next((message) => message.event === 'delete')).data, [id]);
	equal((await inbox.next((result) => result.data.messages_mutated.event === 'delete')).data.messages_mutated, { key: String(id), event: 'delete', data: null });
});

done();
