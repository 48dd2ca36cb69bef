// What the guides' scripts share: checks that print one JSON line each, a raw WebSocket client with a queue, HTTP and SQL.
//
// It must never let a check pass by silence: each has a time limit, and the last line says how many there were.

import { execFileSync } from 'node:child_process';
import { WebSocket } from 'ws';

/** The gateways that the test started, by name (see sdk.rs). */
export const urls = JSON.parse(process.env.GATEWAYS);
/** Tokens and users of the newsroom. */
export const ADMIN = 'admin-token-000000000000000000000000';
export const EDITOR = { token: 'tok-editor', email: 'editor@example.com', password: 'pw-editor' };
export const READER = { token: 'tok-reader', email: 'reader@example.com', password: 'pw-reader' };

let count = 0;

function report(name, ok, detail) {
	count += 1;
	console.log(JSON.stringify({ name, ok, detail }));
}

process.on('unhandledRejection', (error) => report('unhandled rejection', false, String(error?.stack ?? error)));

/** Runs one check; whatever it throws is its detail. */
export async function check(name, body, limit = 20000) {
	const cleanups = [];
	try {
		await within(body((cleanup) => cleanups.push(cleanup)), limit, name);
		report(name, true, '');
	} catch (error) {
		const text = error instanceof Error ? error.message : JSON.stringify(error);
		report(name, false, text);
	}
	for (const cleanup of cleanups) {
		try {
			await cleanup();
		} catch {
			// What a check leaves behind may be gone already.
		}
	}
}

/** The last line; without it the script counts as broken. */
export function done() {
	console.log(JSON.stringify({ done: count }));
	process.exit(0);
}

export function within(promise, limit, what) {
	let timer;
	const late = new Promise((_, reject) => {
		timer = setTimeout(() => reject(new Error(`not within ${limit} ms: ${what}`)), limit);
	});
	return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

export function assert(condition, detail) {
	if (!condition) throw new Error(typeof detail === 'string' ? detail : JSON.stringify(detail));
}

export function equal(actual, expected, what = '') {
	const [a, e] = [JSON.stringify(actual), JSON.stringify(expected)];
	assert(a === e, `${what} ${a} instead of ${e}`);
}

/** Messages that arrive, and those who wait for one. */
export class Inbox {
	all = [];
	#unread = [];
	#waiting = [];

	push(message) {
		this.all.push(message);
		const place = this.#waiting.findIndex((waiter) => waiter.fits(message));
		if (place < 0) return this.#unread.push(message);
		const [waiter] = this.#waiting.splice(place, 1);
		waiter.resolve(message);
	}

	/** The next message that fits; those before it stay unread. */
	next(fits = () => true, limit = 8000) {
		const place = this.#unread.findIndex(fits);
		if (place >= 0) return Promise.resolve(this.#unread.splice(place, 1)[0]);
		const seen = () => `a message; there were ${JSON.stringify(this.all.slice(-5))}`;
		return new Promise((resolve, reject) => {
			const waiter = {
				fits,
				resolve: (message) => {
					clearTimeout(timer);
					resolve(message);
				},
			};
			const timer = setTimeout(() => {
				// Whoever has given up takes no later message.
				this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
				reject(new Error(`not within ${limit} ms: ${seen()}`));
			}, limit);
			this.#waiting.push(waiter);
		});
	}

	unread() {
		return this.#unread.splice(0);
	}
}

/** A raw WebSocket as the guides use it. */
export class Raw {
	inbox = new Inbox();

	constructor(url, ...options) {
		this.socket = new WebSocket(url, ...options);
		this.opened = new Promise((resolve, reject) => {
			this.socket.addEventListener('open', () => resolve(this));
			this.socket.addEventListener('error', (event) => reject(new Error(event.message)));
		});
		this.opened.catch(() => {});
		this.closed = new Promise((resolve) => this.socket.addEventListener('close', resolve));
		this.socket.addEventListener('message', (message) => this.inbox.push(JSON.parse(message.data)));
	}

	send(message) {
		this.socket.send(typeof message === 'string' ? message : JSON.stringify(message));
	}

	/** Sends with a uid and gives the message that comes back with it. */
	ask(message) {
		this.send(message);
		return this.inbox.next((reply) => reply.uid === message.uid && !['create', 'update', 'delete'].includes(reply.event));
	}

	next(fits, limit) {
		return this.inbox.next(fits, limit);
	}

	close() {
		this.socket.terminate();
	}
}

/** `ws://…/websocket` of a gateway. */
export function socketUrl(base, query = '') {
	return `${base.replace(/^http/, 'ws')}/websocket${query}`;
}

/** An open raw connection, closed when the check ends. */
export async function open(cleanup, base, query = '', options = {}) {
	const raw = new Raw(socketUrl(base, query), options);
	cleanup(() => raw.close());
	return within(raw.opened, 5000, 'open');
}

/** An open raw connection with a static token. */
export function openAs(cleanup, base, token) {
	return open(cleanup, base, `?access_token=${token}`);
}

export async function http(base, method, path, { token, body, headers = {} } = {}) {
	const authorization = token ? { authorization: `Bearer ${token}` } : {};
	const response = await fetch(base + path, {
		method,
		headers: { 'content-type': 'application/json', ...authorization, ...headers },
		body: body === undefined ? undefined : JSON.stringify(body),
	});
	const text = await response.text();
	let parsed;
	try {
		parsed = JSON.parse(text);
	} catch {
		parsed = text;
	}
	return { status: response.status, body: parsed, cookies: response.headers.getSetCookie(), headers: response.headers };
}

/** Runs SQL in the database of a gateway. */
export function sql(name, statement) {
	const database = JSON.parse(process.env.DATABASES)[name];
	const env = { ...process.env, PGPASSWORD: database.password };
	const options = ['-X', '-q', '-v', 'ON_ERROR_STOP=1', '-h', '127.0.0.1', '-p', `${database.port}`, '-U', 'postgres', '-d', database.name];
	return execFileSync(process.env.PSQL, [...options, '-A', '-t', '-c', statement], { env, encoding: 'utf8' }).trim();
}

export function sleep(ms) {
	return new Promise((resolve) => setTimeout(resolve, ms));
}
