// What a run leaves behind: text for the terminal, JSON for programs, HTML for people.

import { settings } from './settings.js';

const round = (value) => (Number.isInteger(value) ? String(value) : value.toFixed(value < 10 ? 2 : 1));

function figures(metric) {
	const values = metric.values;
	if (metric.type === 'trend') return ['med', 'p(95)', 'p(99)', 'max'].map((name) => `${name}=${round(values[name])}`).join(' ');
	if (metric.type === 'rate') return `${round(values.rate * 100)} %`;
	return round(values.count !== undefined ? values.count : values.value);
}

function rows(data) {
	return Object.entries(data.metrics)
		.filter(([name]) => !/^(iteration|vus|data_|ws_|http_)/.test(name))
		.filter(([, metric]) => metric.type !== 'trend' || metric.values.max !== undefined)
		.sort(([a], [b]) => (a < b ? -1 : 1))
		.map(([name, metric]) => ({
			name,
			figures: figures(metric),
			thresholds: Object.entries(metric.thresholds || {}).map(([text, { ok }]) => ({ text, ok })),
		}));
}

const escaped = (text) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;');

export function handleSummary(data) {
	const lines = rows(data);
	const ok = lines.every((line) => line.thresholds.every((threshold) => threshold.ok));
	const text = lines
		.map((line) => `  ${line.name.padEnd(26)} ${line.figures.padEnd(52)} ${line.thresholds.map((one) => `${one.ok ? 'ok' : 'FAILED'} ${one.text}`).join(', ')}`)
		.join('\n');
	const html = `<!doctype html><meta charset="utf-8"><title>${settings.name}</title>
<style>body{font:15px system-ui;margin:2em}td,th{padding:.25em 1em;text-align:left;border-bottom:1px solid #ddd}.no{color:#b00;font-weight:bold}</style>
<h1>${settings.name}: ${ok ? 'passed' : '<span class="no">failed</span>'}</h1>
<p>${settings.sockets} sockets, ${settings.nodes.length} nodes, ${settings.seconds} s</p>
<table><tr><th>measure<th>figures<th>thresholds</tr>
${lines.map((line) => `<tr><td>${line.name}<td>${escaped(line.figures)}<td>${line.thresholds.map((one) => `<span class="${one.ok ? '' : 'no'}">${escaped(one.text)}</span>`).join(', ')}</tr>`).join('\n')}
</table>\n`;
	return {
		stdout: `${settings.name}: ${ok ? 'passed' : 'FAILED'}\n${text}\n`,
		[`${settings.out}/${settings.name}.json`]: JSON.stringify({ name: settings.name, ok, metrics: data.metrics }, null, 1),
		[`${settings.out}/${settings.name}.html`]: html,
	};
}
