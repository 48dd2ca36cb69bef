// One client of the realtime protocol over k6/websockets: handshake, requests by uid, subscriptions, heartbeat.
//
// It counts what any client can count and judges nothing: whether a close or an error is a fault is the script's matter.

import { WebSocket } from 'k6/websockets';
import { clearTimeout, setTimeout } from 'k6/timers';

import { authenticating, connectErrors, connecting, opened } from './measures.js';
import { settings } from './settings.js';

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// `promise`, or an error after so long. The timer ends with it: an iteration of k6 lasts as long as its last timer.
export function within(ms, what, promise) {
	return new Promise((resolve, reject) => {
		const timer = setTimeout(() => reject(new Error(`${what}: not within ${ms} ms`)), ms);
		promise.then(
			(value) => {
				clearTimeout(timer);
				resolve(value);
			},
			(error) => {
				clearTimeout(timer);
				reject(error);
			},
		);
	});
}

export class Client {
	constructor({ node = 0, token = settings.token } = {}) {
		this.url = `ws://${settings.nodes[node % settings.nodes.length]}/websocket`;
		this.token = token;
		this.waiting = {};
		this.subscriptions = {};
		this.uids = 0;
		// Messages that nobody asked for: errors without uid, `auth` out of turn.
		this.onOther = () => {};
		this.closed = new Promise((resolve) => (this.resolveClosed = resolve));
	}

	// Connects and authenticates.
	async open() {
		const began = Date.now();
		try {
			await within(15000, 'connect', this.connect());
			const connected = Date.now();
			connecting.add(connected - began);
			if (this.token) {
				await this.authenticate(this.token);
				authenticating.add(Date.now() - connected);
			}
			connectErrors.add(false);
			opened.add(1);
			return this;
		} catch (error) {
			connectErrors.add(true);
			this.close();
			throw error;
		}
	}

	connect() {
		return new Promise((resolve, reject) => {
			this.socket = new WebSocket(this.url);
			this.socket.onopen = () => resolve();
			this.socket.onerror = (event) => reject(new Error(event.error));
			this.socket.onmessage = (event) => this.receive(JSON.parse(event.data));
			this.socket.onclose = (event) => {
				const error = new Error(`closed with ${event.code}`);
				reject(error);
				for (const waiting of Object.values(this.waiting)) waiting.reject(error);
				this.resolveClosed(event.code);
			};
		});
	}

	authenticate(token) {
		return this.request({ type: 'auth', access_token: token, uid: 'auth' });
	}

	receive(message) {
		if (message.type === 'ping') {
			this.send({ type: 'pong' });
		} else if (message.type === 'subscription' && this.subscriptions[message.uid]) {
			this.subscriptions[message.uid](message);
		} else {
			// A failed handshake is answered without uid.
			const uid = message.uid === undefined && message.type === 'auth' && this.waiting.auth ? 'auth' : message.uid;
			const waiting = this.waiting[uid];
			if (!waiting) return this.onOther(message);
			delete this.waiting[uid];
			if (message.error) waiting.reject(Object.assign(new Error(`${message.error.code}: ${message.error.message}`), message.error));
			else waiting.resolve(message);
		}
	}

	send(message) {
		if (this.socket.readyState === 1) this.socket.send(JSON.stringify(message));
	}

	// Sends a message and gives its answer.
	request(message, ms = 15000) {
		const uid = message.uid || `r${++this.uids}`;
		const answer = new Promise((resolve, reject) => (this.waiting[uid] = { resolve, reject }));
		this.send({ ...message, uid });
		return within(ms, message.type, answer);
	}

	items(action, more) {
		return this.request({ type: 'items', action, ...more });
	}

	// Subscribes; `heard` gets every message, the first one included, which is also the result.
	subscribe(message, heard) {
		const uid = message.uid || `s${++this.uids}`;
		return within(
			15000,
			'subscribe',
			new Promise((resolve, reject) => {
				// A refusal has the type `subscribe`, and the same uid.
				this.waiting[uid] = { resolve, reject };
				this.subscriptions[uid] = (news) => {
					if (news.error) return reject(new Error(`${news.error.code}: ${news.error.message}`));
					delete this.waiting[uid];
					heard(news);
					resolve(news);
				};
				this.send({ ...message, type: 'subscribe', uid });
			}),
		);
	}

	close() {
		if (this.socket && this.socket.readyState < 2) this.socket.close();
	}
}
