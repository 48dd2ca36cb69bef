// The demo page of `gateway dev`, and the guides' own pages opened from disk, in a headless Chromium.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { chromium } from 'playwright-core';
import { ADMIN, assert, check, done, equal, socketUrl, sql, urls, within } from './check.mjs';

const args = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args });

/** A page whose faults are gathered: errors on the console, uncaught exceptions, failed requests. */
async function newPage(cleanup, options = {}) {
	const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
	cleanup(() => context.close());
	const page = await context.newPage();
	const [faults, logs] = [[], []];
	page.on('console', (message) => {
		if (['error', 'warning'].includes(message.type())) faults.push(message.text());
		logs.push(message);
	});
	page.on('pageerror', (error) => faults.push(error.message));
	page.on('requestfailed', (request) => faults.push(`${request.url()} failed`));
	page.setDefaultTimeout(8000);
	return { page, faults, logs };
}

/** Runs the shell command that the page shows, as a user would paste it. */
async function runShown(page) {
	const command = await page.locator('#psql').textContent();
	assert(command.includes('psql'), `no psql command on the page: ${command}`);
	execFileSync('sh', ['-c', command], { stdio: 'pipe' });
}

async function connected(cleanup, options) {
	const opened = await newPage(cleanup, options);
	await opened.page.goto(urls.dev);
	await opened.page.locator('#state[data-state="open"]').waitFor();
	return opened;
}

const row = (page, text) => page.locator('#rows li', { hasText: text });

const folder = mkdtempSync(join(tmpdir(), 'tidegate-pages-'));

function fromDisk(name, html) {
	const file = join(folder, name);
	writeFileSync(file, html);
	return `file://${file}`;
}

const texts = new WeakMap();

/** What was logged, with objects printed. */
async function gather(message) {
	if (!texts.has(message)) {
		const values = await Promise.all(message.args().map((arg) => arg.jsonValue().catch(() => '')));
		texts.set(message, JSON.stringify(values));
	}
	return texts.get(message);
}

async function logged(logs, text) {
	for (const message of logs) if ((await gather(message)).includes(text)) return true;
	return false;
}

async function until(condition, what) {
	const poll = async () => {
		while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20));
	};
	await within(poll(), 8000, what);
}

/** Opens a page whose import of the SDK from the CDN is answered with the installed package. */
async function sdkPage(cleanup, version, html) {
	const opened = await newPage(cleanup);
	const dist = dirname(createRequire(import.meta.url).resolve(version));
	await opened.page.route('https://www.unpkg.com/@directus/sdk/**', (route) => {
		const path = new URL(route.request().url()).pathname.replace('/@directus/sdk/dist/', '');
		const body = readFileSync(join(dist, path));
		return route.fulfill({ body, contentType: 'text/javascript', headers: { 'access-control-allow-origin': '*' } });
	});
	await opened.page.goto(fromDisk(`${version}-${Date.now()}.html`, html));
	return opened;
}

// ---------------------------------------------------------------- the demo page

await check('demo: loads, connects, and logs no fault', async (cleanup) => {
	const { page, faults } = await connected(cleanup);
	equal(await page.title(), 'Tidegate');
	equal(await page.locator('#alert').isVisible(), false);
	equal(faults, []);
});

await check('demo: the psql lines that it shows insert, update and delete a row of the list', async (cleanup) => {
	const { page, faults } = await connected(cleanup);
	await runShown(page);
	await row(page, 'Hello from psql').first().waitFor();
	await page.locator('[data-statement="update"]').click();
	await runShown(page);
	await row(page, 'Hello from psql (edited)').first().waitFor();
	const before = await page.locator('#rows li').count();
	await page.locator('[data-statement="delete"]').click();
	await runShown(page);
	await page.waitForFunction((count) => document.querySelectorAll('#rows li').length === count - 1, before);
	equal(faults, []);
});

await check('demo: the form creates a row, which can be edited and deleted', async (cleanup) => {
	const { page, faults } = await connected(cleanup);
	const text = `written at ${Date.now()}`;
	await page.locator('#new-text').fill(text);
	await page.locator('#new-user').fill('Kevin');
	await page.locator('#create button[type="submit"]').click();
	await row(page, text).waitFor();
	assert((await row(page, text).textContent()).includes('Kevin'), 'the user is shown');
	await row(page, text).locator('[data-act="edit"]').click();
	await page.locator('#rows .edit input').fill(`${text}, edited`);
	await page.locator('#rows .edit button', { hasText: 'Save' }).click();
	await row(page, `${text}, edited`).locator('.text:visible').waitFor();
	await row(page, text).locator('[data-act="delete"]').click();
	await row(page, text).waitFor({ state: 'detached' });
	equal(faults, []);
});

await check('demo: two pages see each other', async (cleanup) => {
	const [one, other] = [await connected(cleanup), await connected(cleanup)];
	const text = `for the other page ${Date.now()}`;
	await one.page.locator('#new-text').fill(text);
	await one.page.locator('#create button[type="submit"]').click();
	await row(other.page, text).waitFor();
	equal([...one.faults, ...other.faults], []);
});

await check('demo: what a row holds is shown as text, never as HTML', async (cleanup) => {
	const { page, faults } = await connected(cleanup);
	const text = `<img src=x onerror="document.title='broken'"><b>bold</b> ${Date.now()}`;
	await page.locator('#new-text').fill(text);
	await page.locator('#create button[type="submit"]').click();
	await row(page, text).waitFor();
	equal([await page.title(), await page.locator('#rows img').count()], ['Tidegate', 0]);
	equal(faults, []);
});

await check('demo: the functions of the guides can be typed in the console', async (cleanup) => {
	const { page } = await connected(cleanup);
	const text = `typed ${Date.now()}`;
	await page.evaluate((value) => createItem(value, 'Ben'), text);
	await row(page, text).waitFor();
	await page.evaluate(() => readLatestItem());
	await page.locator('#log .what', { hasText: 'items read done' }).first().waitFor();
});

await check('demo: fits a phone', async (cleanup) => {
	const { page, faults } = await connected(cleanup, { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true });
	const [content, screen] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
	assert(content <= screen, `${content} px wide on a screen of ${screen}`);
	equal(faults, []);
});

await check('demo: its SDK example runs as it stands', async (cleanup) => {
	const { page } = await connected(cleanup);
	await page.locator('details', { hasText: 'The same with the Directus SDK' }).locator('summary').first().click();
	const html = await page.locator('#sdk').textContent();
	const { logs } = await sdkPage(cleanup, 'sdk26', html);
	await until(() => logged(logs, 'subscription'), 'init');
	await page.evaluate(() => createItem('for the SDK page', 'Ben'));
	await until(() => logged(logs, 'for the SDK page'), 'the event');
});

// ---------------------------------------------------------------- pages from disk (Origin: null)

await check('guide 000: index.html opened from disk', async (cleanup) => {
	const html = readFileSync(new URL('guide-000.html', import.meta.url), 'utf8')
		.replace('wss://your-directus-url/websocket', socketUrl(urls.main))
		.replace('your-access-token', ADMIN);
	const { page, faults, logs } = await newPage(cleanup);
	await page.goto(fromDisk('index.html', html));
	await until(() => logged(logs, 'onopen'), 'onopen');
	await until(() => logged(logs, '"type":"auth"'), 'auth');
	await page.evaluate(() => subscribe());
	await until(() => logged(logs, '"event":"init"'), 'init');
	await page.evaluate(() => {
		createItem('Hello World!', 'Ben');
		createItem('Hello Universe!', 'Rijk');
		createItem('Hello Everyone Everywhere All At Once!', 'Kevin');
	});
	const events = async () => (await Promise.all(logs.map(gather))).filter((text) => text.includes('"event":"create"')).length;
	await until(async () => (await events()) === 3, 'three create events');
	sql('main', "insert into messages (text, date_created) values ('the very latest', now() + interval '1 hour')");
	await page.evaluate(() => readLatestItem());
	await until(async () => (await Promise.all(logs.map(gather))).some((text) => text.includes('"type":"items"') && text.includes('the very latest')), 'the latest item');
	equal(faults, []);
});

for (const version of ['sdk26', 'sdk20']) {
	await check(`guide 001: the page opened from disk, a burst of three creates (${version})`, async (cleanup) => {
		const html = readFileSync(new URL('guide-001.html', import.meta.url), 'utf8')
			.replace('https://example.directus.app', urls.main)
			.replace('your_access_token', ADMIN);
		const { page, faults, logs } = await sdkPage(cleanup, version, html);
		await until(() => logged(logs, '"event":"init"'), 'init');
		await page.evaluate(() => {
			createItem('Hello World!', 'Ben');
			createItem('Hello Universe!', 'Rijk');
			createItem('Hello Everyone Everywhere All At Once!', 'Kevin');
		});
		for (const user of ['Ben', 'Rijk', 'Kevin']) await until(() => logged(logs, `"user":"${user}"`), user);
		await until(() => logged(logs, 'New message of type items'), 'the handler');
		equal(faults, []);
	});
}

await browser.close();
rmSync(folder, { recursive: true });
done();
