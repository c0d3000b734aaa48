/** Writes schema/proxy.config.schema.json from the code's schema. `npm run schema`. */
import { writeFileSync } from 'node:fs';
import { jsonSchemaText } from '../src/config/json-schema.ts';

writeFileSync(new URL('../schema/proxy.config.schema.json', import.meta.url), jsonSchemaText());
