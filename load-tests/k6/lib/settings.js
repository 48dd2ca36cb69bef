// What a script is told by its environment; `load-tests/k6/run` sets all of it.

const number = (name, fallback) => Number(__ENV[name] || fallback);

export const settings = {
	name: __ENV.SCENARIO || 'scenario',
	nodes: (__ENV.NODES || '127.0.0.1:8055').split(','),
	// An administrator's static token, and one of a user who may read only rows with `visible`.
	token: __ENV.TOKEN,
	readerToken: __ENV.READER_TOKEN,
	// Who that user is, and what signs tokens: some scripts make their own.
	reader: { id: __ENV.READER_ID, role: __ENV.READER_ROLE },
	secret: __ENV.SECRET,
	// Rows of other runs are none of this one's business.
	run: __ENV.RUN || 'manual',
	sockets: number('SOCKETS', 50),
	vus: number('VUS', 2),
	owners: number('OWNERS', 1),
	seconds: number('SECONDS', 10),
	// How long after the last write everything has to be there.
	grace: number('GRACE', 20),
	out: __ENV.OUT || '.',
};
