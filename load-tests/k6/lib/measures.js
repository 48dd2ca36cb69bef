// The figures of every script, and the thresholds that fail a run. Loss, duplicates and leaks are faults in any number.

import { Counter, Rate, Trend } from 'k6/metrics';

export const opened = new Counter('sockets_opened');
export const connectErrors = new Rate('connect_errors');
export const connecting = new Trend('connect_ms', true);
export const authenticating = new Trend('authenticate_ms', true);
export const subscribing = new Trend('subscribe_ms', true);
// From the write in the database to the message in the client, by the same clock.
export const latency = new Trend('delivery_ms', true);
export const received = new Counter('rows_received');
export const lost = new Counter('rows_lost');
export const duplicated = new Counter('rows_duplicated');
export const leaked = new Counter('rows_leaked');
// Subscribers that did not see the end of the stream in time.
export const unfinished = new Counter('subscribers_unfinished');
export const faults = new Counter('faults');
// Connections that ended before their stream did, by close code.
export const closes = new Counter('connections_ended');

// Every counter exists even where nothing was counted: a threshold over nothing would pass unseen.
export function begin() {
	for (const counter of [opened, received, lost, duplicated, leaked, unfinished, faults, closes]) counter.add(0);
}

// How many sockets must have been opened; k6 can fail to open some without a word.
export const thresholds = (sockets, more = {}) => ({
	sockets_opened: [`count>=${sockets}`],
	connect_errors: ['rate<0.001'],
	rows_lost: ['count==0'],
	rows_duplicated: ['count==0'],
	rows_leaked: ['count==0'],
	subscribers_unfinished: ['count==0'],
	faults: ['count==0'],
	...more,
});

// One iteration per VU, in which it holds its share of the sockets.
export const once = (vus, seconds) => ({
	main: { executor: 'per-vu-iterations', vus, iterations: 1, maxDuration: `${seconds + 60}s`, gracefulStop: '5s' },
});
