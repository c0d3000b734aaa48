/**
 * `node scripts/clients.mjs [--docs]`: runs every client through the proxy; with --docs the outcome becomes the
 * table of docs/clients.md.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const args = process.argv.slice(2);
if (args.some((arg) => arg !== '--docs')) {
  process.stderr.write('usage: clients.mjs [--docs]\n');
  process.exit(2);
}
const script = fileURLToPath(new URL('test.mjs', import.meta.url));
const env = { ...process.env };
if (args.includes('--docs')) env.UNDERSTUDY_CLIENTS_PAGE = 'write';
const command = [script, 'integration', '--', 'test/integration/clients.test.ts'];
const done = spawnSync(process.execPath, command, { env, stdio: 'inherit' });
process.exit(done.status ?? 1);
