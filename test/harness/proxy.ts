/** The product itself, as its users run it: `node dist/main.js proxy --config FILE`. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { messageOf } from '../../src/base/errors.ts';
import type { StatusReport } from '../../src/observe/status.ts';
import { type Labels, parseMetrics, sumMetric } from './metrics-text.ts';
import { freePort } from './ports.ts';
import { type Child, type Exit, startChild, tail } from './process.ts';
import { REPOSITORY } from './repository.ts';
import { temporaryDirectory } from './temp.ts';
import { waitFor } from './wait.ts';

export const MAIN = fileURLToPath(new URL('dist/main.js', REPOSITORY));
const HTTP_TIMEOUT_MS = 20_000;

/** A configuration as a test writes it: any field of the file, with at least its shards. */
export interface ProxyConfig {
  readonly shards: readonly {
    readonly name: string;
    readonly port: number;
    readonly [field: string]: unknown;
  }[];
  readonly admin?: {
    readonly host?: string;
    readonly port?: number;
    readonly token?: string | { readonly file: string };
  };
  readonly [field: string]: unknown;
}

export interface ProxyOptions {
  /**
   * Written to a file as it is, but for `service`, `admin` and `journal.directory`, which get values of
   * their own where they are left out.
   */
  readonly config: ProxyConfig;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** More arguments after `proxy --config FILE`. */
  readonly args?: readonly string[];
  /** Node's own arguments, `--cpu-prof` say. */
  readonly nodeArgs?: readonly string[];
  /** The limit of open files that it and its workers start with. */
  readonly openFiles?: number;
  readonly name?: string;
  /** False: returns at once, for tests of a proxy that can't get ready. */
  readonly waitUntilReady?: boolean;
}

export interface Proxy {
  readonly pid: number;
  readonly adminUrl: string;
  readonly configFile: string;
  readonly child: Child;
  /** The port of a shard. */
  port(shard: string): number;
  /** Every sample, by `name{a="b",…}` with sorted labels. */
  metrics(): Promise<Map<string, number>>;
  /** The sum over the samples of `name` that carry `labels`. */
  metric(name: string, labels?: Labels): Promise<number>;
  status(): Promise<StatusReport>;
  /** Everything it logged. */
  logs(): string;
  /**
   * Waits for a text in what it logged: the log comes by a pipe, and so may be later than a metric, an answer
   * or the end of a connection that tell of the same.
   */
  untilLogged(text: string | RegExp): Promise<void>;
  /** SIGTERM and its drain; the exit code. */
  stop(timeoutMs?: number): Promise<Exit>;
  kill9(): Promise<Exit>;
}

/** Starts a proxy and waits until /readyz says 200. */
export async function startProxy(options: ProxyOptions): Promise<Proxy> {
  const name = options.name ?? 'proxy';
  const folder = temporaryDirectory(name);
  const { port: adminPort, token } = options.config.admin ?? {};
  const admin = { host: '127.0.0.1', port: adminPort ?? (await freePort()), token };
  const config = {
    service: 'test',
    tables: '*',
    journal: { directory: join(folder, 'journal') },
    newUser: { user: 'root' },
    oldUser: { user: 'root' },
    ...options.config,
    admin,
  };
  const configFile = join(folder, 'proxy.config.json');
  writeFileSync(configFile, JSON.stringify(config, null, 2));
  const adminUrl = `http://${admin.host}:${admin.port}`;
  const { openFiles, nodeArgs = [], args = [] } = options;
  const command = [process.execPath, ...nodeArgs, MAIN, 'proxy', '--config', configFile, ...args];
  const limited = openFiles === undefined ? [] : ['sh', '-c', 'ulimit -n "$0" && exec "$@"', `${openFiles}`];
  const [program = '', ...rest] = [...limited, ...command];
  const child = await startChild({
    name,
    command: program,
    args: rest,
    cwd: folder,
    ...(options.env === undefined ? {} : { env: options.env }),
    ...(options.waitUntilReady === false ? {} : { ready: () => isReady(adminUrl) }),
  });
  const get = (path: string) => getText(`${adminUrl}${path}`, tokenText(token));
  const metrics = async () => parseMetrics(await get('/metrics'));
  const logs = () => child.stdout() + child.stderr();
  return {
    pid: child.pid,
    adminUrl,
    configFile,
    child,
    port: (shard) => portOf(options.config, shard),
    metrics,
    metric: async (metric, labels) => sumMetric(await metrics(), metric, labels),
    status: async () => JSON.parse(await get('/api/status')) as StatusReport,
    logs,
    untilLogged: (text) => untilSaid(logs, text),
    stop: (timeoutMs) => child.stop(timeoutMs),
    kill9: () => child.kill9(),
  };
}

async function untilSaid(logs: () => string, text: string | RegExp): Promise<void> {
  const isThere = () => (typeof text === 'string' ? logs().includes(text) : text.test(logs()));
  await waitFor(isThere, { what: `${text} in the log` }).catch((error: unknown) => {
    throw new Error(`${messageOf(error)}\n${tail(logs())}`);
  });
}

function portOf(config: ProxyConfig, shard: string): number {
  const found = config.shards.find((entry) => entry.name === shard);
  if (found === undefined) throw new Error(`the configuration has no shard ${shard}`);
  return found.port;
}

async function isReady(adminUrl: string): Promise<boolean> {
  const response = await fetch(`${adminUrl}/readyz`, { signal: AbortSignal.timeout(HTTP_TIMEOUT_MS) });
  await response.arrayBuffer();
  return response.status === 200;
}

function tokenText(token: string | { readonly file: string } | undefined): string | undefined {
  return typeof token === 'object' ? readFileSync(token.file, 'utf8').trim() : token;
}

async function getText(url: string, token: string | undefined): Promise<string> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const response = await fetch(url, { headers, signal: AbortSignal.timeout(HTTP_TIMEOUT_MS) });
  const text = await response.text();
  if (!response.ok) throw new Error(`GET ${url} answered ${response.status}: ${text}`);
  return text;
}
