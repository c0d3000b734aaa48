/** Writes schema/proxy.config.schema.json and docs/configuration.md from the code's schema. `npm run schema`. */
import { writeFileSync } from 'node:fs';
import { jsonSchemaText } from '../src/config/json-schema.ts';
import { configurationPage } from './configuration-page.ts';

const text = jsonSchemaText();
writeFileSync(new URL('../schema/proxy.config.schema.json', import.meta.url), text);
writeFileSync(new URL('../docs/configuration.md', import.meta.url), configurationPage(text));
