// All tokens expire in the same second. Half of the clients renew in time and must not miss a row; the other half is told that
// the token expired, renews then, keeps its socket, and must hear rows again.

import crypto from 'k6/crypto';
import encoding from 'k6/encoding';
import { Counter, Trend } from 'k6/metrics';

import { Client, pause, within } from '../lib/client.js';
import { FIELDS, Ledger } from '../lib/ledger.js';
import { share } from '../lib/follow.js';
import { begin, faults, once, thresholds, unfinished } from '../lib/measures.js';
import { settings } from '../lib/settings.js';
export { handleSummary } from '../lib/summary.js';

const expired = new Counter('told_that_it_expired');
const renewing = new Trend('renew_ms', true);
const early = Math.ceil(settings.sockets / 2);
const LIFE = 5;

export const options = {
	scenarios: once(settings.vus, settings.seconds + settings.grace),
	summaryTrendStats: ['med', 'p(95)', 'p(99)', 'max'],
	thresholds: thresholds(settings.sockets, {
		rows_received: ['count>0'],
		told_that_it_expired: [`count==${settings.sockets - early}`],
		renew_ms: ['p(99)<1000'],
	}),
};

function token(expires) {
	const part = (value) => encoding.b64encode(JSON.stringify(value), 'rawurl');
	const text = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ ...settings.reader, app_access: false, admin_access: false, iss: 'directus', iat: Math.floor(Date.now() / 1000), exp: expires })}`;
	return `${text}.${crypto.hmac('sha256', settings.secret, text, 'base64rawurl')}`;
}

export default async function () {
	begin();
	const expiry = Math.floor(Date.now() / 1000) + LIFE + 3;
	const later = expiry + 3600;
	await share(settings.sockets, 2, async (index) => {
		const inTime = index < early;
		const client = new Client({ node: index, token: token(expiry) });
		let leaving = false;
		const renew = async () => {
			const began = Date.now();
			await client.authenticate(token(later));
			renewing.add(Date.now() - began);
		};
		try {
			await client.open();
			client.closed.then((code) => leaving || faults.add(1, { what: `closed with ${code}` }));
			const query = { fields: FIELDS, filter: { _and: [{ run: { _eq: settings.run } }, { owner: { _eq: 0 } }] }, sort: ['n'], limit: -1 };
			let ended;
			if (inTime) {
				const ledger = new Ledger();
				ended = ledger.ended;
				await client.subscribe({ collection: 'load_items', query, uid: 'stream' }, (news) => ledger.hear(news));
				client.onOther = (message) => faults.add(1, { what: JSON.stringify(message) });
				await pause(Math.max(0, (expiry - 1) * 1000 - Date.now()));
				await renew();
			} else {
				// What is written between expiry and renewal is not for a client without rights; then the stream goes on.
				let sawEnd;
				ended = new Promise((resolve) => (sawEnd = resolve));
				const told = new Promise((resolve) => {
					client.onOther = (message) => message.type === 'auth' && message.error && message.error.code === 'TOKEN_EXPIRED' && resolve();
				});
				const hear = ({ data }) => Array.isArray(data) && data.some((row) => row.kind === 'end') && sawEnd();
				await client.subscribe({ collection: 'load_items', query, uid: 'stream' }, hear);
				await within((LIFE + 10) * 1000, 'the news of the expiry', told);
				expired.add(1);
				await renew();
			}
			await within((settings.seconds + settings.grace + 30) * 1000, 'the end of the stream', ended);
			await pause(300);
		} catch (error) {
			unfinished.add(1, { what: error.message });
			console.error(error.message);
		}
		leaving = true;
		client.close();
	});
}
