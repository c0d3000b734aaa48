/** The JSON Schema of the configuration file, for editors. A test holds the kept file against it. */
import { z } from 'zod';
import { configSchema } from './schema.ts';

export function jsonSchemaText(): string {
  const schema = z.toJSONSchema(configSchema, { target: 'draft-7', io: 'input' });
  return `${JSON.stringify({ title: 'Understudy proxy configuration', ...schema }, null, 2)}\n`;
}
