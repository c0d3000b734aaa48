/**
 * `node healthcheck.mjs [FILE]`: exit 0 where the proxy of that configuration file (proxy.config.json of the
 * working directory, if none is named) answers /healthz, else 1 with the reason on standard error.
 * It needs nothing but Node, so that a check costs no more than its start.
 */
import { readFileSync } from 'node:fs';

const TIMEOUT_MS = 4000;
const ADMIN_DEFAULT = { host: '127.0.0.1', port: 9104 };
// An address that only says "all of them" is not one to connect to.
const REACHABLE = { '0.0.0.0': '127.0.0.1', '::': '::1' };

try {
  const { admin } = JSON.parse(readFileSync(process.argv[2] ?? 'proxy.config.json', 'utf8'));
  const { host, port } = { ...ADMIN_DEFAULT, ...admin };
  const name = REACHABLE[host] ?? host;
  const url = `http://${name.includes(':') ? `[${name}]` : name}:${port}/healthz`;
  const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
} catch (error) {
  process.stderr.write(`${error.message}${error.cause === undefined ? '' : `: ${error.cause.message}`}\n`);
  process.exitCode = 1;
}
