// What one subscriber got of the stream of rows that it must get: `n` = 1, 2, 3, … up to the row of kind `end`.
//
// The writer counts per stream, so that a subscriber sees loss, duplicates and disorder by itself, and at once.

import { duplicated, latency, leaked, lost, received } from './measures.js';

export const FIELDS = ['id', 'n', 'kind', 'visible', 'written_ms'];

export class Ledger {
	constructor() {
		this.next = 1;
		this.ended = new Promise((resolve) => (this.resolveEnded = resolve));
	}

	// A message of the subscription.
	hear(message) {
		if (message.event === 'init') {
			for (const row of message.data || []) this.take(row, true);
		} else if (message.event === 'create') {
			for (const row of message.data) this.take(row, false);
		} else if (message.event !== 'resume') {
			// The stream has nothing but new rows; whatever else comes is about rows that this subscriber may not see.
			leaked.add(1, { event: message.event });
		}
	}

	take(row, known) {
		if (row.visible !== true || Object.keys(row).some((field) => !FIELDS.includes(field))) {
			leaked.add(1);
			return;
		}
		if (row.n < this.next) {
			// A list that is read anew has the old rows again; an event has them never.
			if (!known) duplicated.add(1);
			return;
		}
		if (row.n > this.next) lost.add(row.n - this.next);
		this.next = row.n + 1;
		received.add(1);
		if (!known) latency.add(Math.max(0, Date.now() - row.written_ms));
		if (row.kind === 'end') this.resolveEnded();
	}
}
