/** tsc keeps the shebang of src/main.ts but not a mode: `bin` needs both. */
import { chmodSync } from 'node:fs';

chmodSync(new URL('../dist/main.js', import.meta.url), 0o755);
