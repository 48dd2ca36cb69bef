// Asks the reference implementation what is wrong with documents: reads newsroom.graphql and documents.json, writes
// expected.json and introspection.json. Only people run it, after `npm install graphql@16` in this folder; the tests read what
// it has written.
import { readFileSync, writeFileSync } from 'node:fs';
import {
	buildSchema, execute, getIntrospectionQuery, GraphQLError, Kind, NoSchemaIntrospectionCustomRule, parse, specifiedRules, validate, valueFromASTUntyped,
} from 'graphql';

const read = (name) => readFileSync(new URL(name, import.meta.url), 'utf8');
const write = (name, value) => writeFileSync(new URL(name, import.meta.url), JSON.stringify(value, null, '\t') + '\n');

const schema = buildSchema(read('newsroom.graphql'));
const string = schema.getType('String');
// The scalars that Directus defines.
for (const name of ['Date', 'Hash']) Object.assign(schema.getType(name), { parseValue: string.parseValue, parseLiteral: string.parseLiteral });
const only = (reason, kinds, types) => ({
	parseLiteral(node) {
		if (!kinds.includes(node.kind)) throw new Error(reason);
		return valueFromASTUntyped(node);
	},
	parseValue(value) {
		if (!types.includes(typeof value)) throw new Error(reason);
		return value;
	},
});
Object.assign(schema.getType('GraphQLBigInt'), only('Value must be a String', [Kind.STRING], ['string']));
Object.assign(
	schema.getType('GraphQLStringOrFloat'),
	only('Value must be a Float or a String', [Kind.STRING, Kind.INT, Kind.FLOAT], ['string', 'number']),
);

const shown = (errors) => errors.map((error) => ({ message: error.message, locations: error.locations }));
const expected = JSON.parse(read('documents.json')).map(({ document, variables, hidden }) => {
	let parsed;
	try {
		parsed = parse(document);
	} catch (error) {
		if (error instanceof GraphQLError) return { parse: false };
		throw error;
	}
	const rules = hidden ? [...specifiedRules, NoSchemaIntrospectionCustomRule] : specifiedRules;
	const errors = validate(schema, parsed, rules);
	if (errors.length > 0) return { invalid: shown(errors) };
	const result = execute({ schema, document: parsed, variableValues: variables, rootValue: {} });
	if (!('then' in result) && !('data' in result) && result.errors) return { variables: shown(result.errors) };
	return { valid: true };
});
write('expected.json', expected);
const question = getIntrospectionQuery({ inputValueDeprecation: true, specifiedByUrl: true, directiveIsRepeatable: true, schemaDescription: true });
writeFileSync(new URL('introspection.graphql', import.meta.url), question + '\n');
// In one line: nobody reads it, and every indent would be another byte in the repository.
writeFileSync(new URL('introspection.json', import.meta.url), JSON.stringify(execute({ schema, document: parse(question) }).data) + '\n');
