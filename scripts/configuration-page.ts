/** docs/configuration.md: every field of the configuration, from its JSON Schema. Pure. */
import { z } from 'zod';

/** As much of a JSON Schema as ours has. */
const schemaShape = z.object({
  description: z.string().optional(),
  default: z.unknown().optional(),
  type: z.string().optional(),
  enum: z.array(z.string()).optional(),
  const: z.string().optional(),
  minimum: z.number().optional(),
  maximum: z.number().optional(),
  required: z.array(z.string()).default([]),
  get properties() {
    return z.record(z.string(), schemaShape).default({});
  },
  get items() {
    return schemaShape.optional();
  },
  get anyOf() {
    return z.array(schemaShape).optional();
  },
  get additionalProperties() {
    return z.union([z.boolean(), schemaShape]).optional();
  },
});
type Schema = z.output<typeof schemaShape>;

const INTRODUCTION = `# Configuration

The fields of \`proxy.config.json\`. It is strict JSON: an unknown field is a fault, and all faults are told at once, each with its place. Paths of files in it count from the file's own directory. Only \`mirror\` [is live](control.md), and the files of certificates [are read again](tls.md#new-certificates-without-a-restart) at a SIGHUP; a change of anything else needs a restart. This page and \`schema/proxy.config.schema.json\`, by which editors complete the file, are written from the code by \`npm run schema\`.

A *secret* is the text itself, \`{"env": "NAME"}\` for what an environment variable holds, or \`{"file": "PATH"}\` for what a file holds (one newline at its end is cut).

| field | value | default | meaning |
|---|---|---|---|
`;

/** The page, from the text of the schema. Throws where that is not of the shape that is known here. */
export function configurationPage(schemaText: string): string {
  return `${INTRODUCTION}${rowsOf(schemaShape.parse(JSON.parse(schemaText)), '').join('\n')}\n`;
}

/** A row for each field below, the fields of a section right behind it. */
function rowsOf(schema: Schema, path: string): string[] {
  return Object.entries(schema.properties)
    .filter(([name]) => name !== '$schema')
    .flatMap(([name, field]) => {
      const place = path === '' ? name : `${path}.${name}`;
      const needed = schema.required.includes(name);
      return [rowOf(place, field, needed), ...rowsBelow(field, place)];
    });
}

function rowsBelow(schema: Schema, path: string): string[] {
  if (isSecret(schema)) return [];
  const { items, additionalProperties } = schema;
  return [
    ...rowsOf(schema, path),
    ...(items === undefined ? [] : rowsBelow(items, `${path}[]`)),
    ...(typeof additionalProperties === 'object' ? rowsBelow(additionalProperties, `${path}.NAME`) : []),
    ...(schema.anyOf ?? []).flatMap((choice) => rowsBelow(choice, path)),
  ];
}

function rowOf(path: string, schema: Schema, needed: boolean): string {
  const cells = [`\`${path}\``, kindOf(schema), needed ? 'required' : defaultOf(schema), meaningOf(schema)];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('<', '\\<')).join(' | ')} |`;
}

function kindOf(schema: Schema): string {
  if (isSecret(schema)) return 'secret';
  if (schema.const !== undefined) return `\`"${schema.const}"\``;
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`"${value}"\``).join(', ');
  if (schema.anyOf !== undefined) return schema.anyOf.map(kindOf).join(' or ');
  const { minimum, maximum } = schema;
  if (minimum !== undefined && maximum !== undefined) return `${grouped(minimum)} to ${grouped(maximum)}`;
  return (
    { string: 'text', boolean: 'true, false', array: 'list', object: 'section', null: '`null`' }[
      schema.type ?? ''
    ] ?? ''
  );
}

/** A section that is left out whole has its fields' defaults. */
function defaultOf(schema: Schema): string {
  if (schema.default === undefined) return '';
  if (typeof schema.default === 'number') return grouped(schema.default);
  const text = JSON.stringify(schema.default);
  return text === '{}' ? '' : `\`${text}\``;
}

function grouped(value: number): string {
  return value.toLocaleString('en', { useGrouping: 'min2' });
}

function meaningOf(schema: Schema): string {
  const choices = (schema.anyOf ?? []).flatMap(({ const: value, description }) =>
    value === undefined || description === undefined ? [] : [`\`"${value}"\`: ${description}`],
  );
  return [schema.description ?? '', ...choices].join('. ');
}

function isSecret(schema: Schema): boolean {
  return (schema.anyOf ?? []).some(({ properties }) => 'env' in properties);
}
