/** docker-compose.yml and what it mounts, read as the tests need it. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { z } from 'zod';
import { runCommand } from './cli.ts';
import { mysqlProgram, type Program } from './mysql-root.ts';
import { REPOSITORY } from './repository.ts';
import { temporaryDirectory } from './temp.ts';

const SECRETS_MOUNT = '/run/secrets';

const healthcheckSchema = z.strictObject({
  test: z.tuple([z.literal('CMD')], z.string()),
  interval: z.string(),
  timeout: z.string(),
  retries: z.number(),
  start_period: z.string(),
});

const dependencySchema = z.record(z.string(), z.strictObject({ condition: z.literal('service_healthy') }));

/** Strict: a field that is misspelt, or that nothing here looks at, is an error. */
const serviceSchema = z.strictObject({
  image: z.string(),
  build: z.string().optional(),
  hostname: z.string().optional(),
  user: z.string().optional(),
  command: z.array(z.string()).optional(),
  environment: z.record(z.string(), z.string()).default({}),
  depends_on: dependencySchema.default({}),
  secrets: z.array(z.string()).default([]),
  volumes: z.array(z.string()).default([]),
  tmpfs: z.array(z.string()).default([]),
  networks: z.array(z.string()),
  ports: z.array(z.string()).default([]),
  ulimits: z.strictObject({ nofile: z.number() }).optional(),
  healthcheck: healthcheckSchema.optional(),
  stop_grace_period: z.string().optional(),
  restart: z.string(),
  read_only: z.boolean(),
  cap_drop: z.array(z.string()),
  security_opt: z.array(z.string()),
});

const composeSchema = z.strictObject({
  name: z.string(),
  'x-hardened': z.unknown(),
  services: z.record(z.string(), serviceSchema),
  networks: z.record(z.string(), z.strictObject({ internal: z.boolean().optional() }).nullable()),
  volumes: z.record(z.string(), z.null()),
  secrets: z.record(z.string(), z.strictObject({ file: z.string() })),
});

export type Compose = z.output<typeof composeSchema>;
export type ComposeService = z.output<typeof serviceSchema>;

export interface Mount {
  /** A path below the repository, or a volume's name. */
  readonly source: string;
  readonly target: string;
  readonly mode: 'ro' | 'rw';
}

export function readCompose(): Compose {
  const text = readFileSync(new URL('docker-compose.yml', REPOSITORY), 'utf8');
  return composeSchema.parse(parse(text, { merge: true }));
}

export function mountsOf(service: ComposeService): Mount[] {
  return service.volumes.map((volume) => {
    const [source = '', target = '', mode = 'rw'] = volume.split(':');
    if (mode !== 'ro' && mode !== 'rw') throw new Error(`${volume}: the mode is ${mode}`);
    return { source, target, mode };
  });
}

/** A service of the file; throws where it has none of that name. */
export function serviceOf(compose: Compose, name: string): ComposeService {
  const service = compose.services[name];
  if (service === undefined) throw new Error(`docker-compose.yml has no service ${name}`);
  return service;
}

/** Secrets in a folder of their own, made by the script that people are told to run. */
export function makeSecrets(): string {
  const folder = join(temporaryDirectory('secrets'), 'secrets');
  execFileSync('sh', [repositoryPath('deploy/compose/make-secrets.sh'), folder]);
  return folder;
}

export function readSecret(folder: string, name: string): string {
  return readFileSync(join(folder, name), 'utf8');
}

export interface ComposePlaces {
  /** Ports on 127.0.0.1 of what the services `old`, `new` and `etcd` stand for. */
  readonly old: number;
  readonly new: number;
  readonly etcd: number;
  readonly admin: number;
  /** One for each shard, in the order of the file. */
  readonly shards: readonly number[];
}

const endpointSchema = z.looseObject({ host: z.enum(['old', 'new']), port: z.literal(3306) });
const shippedSchema = z.looseObject({
  admin: z.looseObject({ port: z.literal(9104) }),
  shards: z.array(
    z.looseObject({ name: z.string(), port: z.number(), old: endpointSchema, new: endpointSchema }),
  ),
  etcd: z.strictObject({ hosts: z.tuple([z.literal('http://etcd:2379')]) }),
});

/** The shipped proxy configuration, changed only in who is reached where. Its secrets stay at /run/secrets. */
export function shippedProxyConfig(places: ComposePlaces) {
  const text = readFileSync(new URL('deploy/compose/proxy.config.json', REPOSITORY), 'utf8');
  const shipped = shippedSchema.parse(JSON.parse(text));
  const placed = <T extends z.output<typeof endpointSchema>>(endpoint: T) => ({
    ...endpoint,
    host: '127.0.0.1',
    port: places[endpoint.host],
  });
  return {
    ...shipped,
    listen: { host: '127.0.0.1' },
    admin: { ...shipped.admin, port: places.admin },
    shards: shipped.shards.map((shard, index) => ({
      ...shard,
      port: places.shards[index] ?? shard.port,
      old: placed(shard.old),
      new: placed(shard.new),
    })),
    etcd: { hosts: [`http://127.0.0.1:${places.etcd}`] },
  };
}

/** The same text with the secrets read from `folder`. */
export function withSecretsAt(text: string, folder: string): string {
  return text.replaceAll(SECRETS_MOUNT, folder);
}

/**
 * Runs the init files of a cluster on a server, in the order and the way of the images' entrypoint: SQL by the
 * client, scripts read in by bash, which has `docker_process_sql`.
 */
export async function runInitFiles(side: 'old' | 'new', port: number, secrets: string): Promise<void> {
  const folder = repositoryPath(`deploy/compose/init/${side}`);
  for (const name of readdirSync(folder).sort()) {
    const text = withTablesHere(withSecretsAt(readFileSync(join(folder, name), 'utf8'), secrets));
    const script = name.endsWith('.sql') ? `docker_process_sql <<'SQL'\n${text}\nSQL\n` : text;
    const done = await runCommand('bash', [
      '-eo',
      'pipefail',
      '-c',
      `${clientFunction(side, port)}\n${script}`,
    ]);
    if (done.code !== 0) throw new Error(`${side}/${name} ended with ${done.code}: ${done.stderr}`);
  }
}

/** What the init file of a cluster's tables says to the server. */
export function initTables(side: 'old' | 'new'): string {
  const text = readFileSync(repositoryPath(`deploy/compose/init/${side}/10-tables.sh`), 'utf8');
  const script = `docker_process_sql() { cat; }\n${withTablesHere(text)}`;
  return execFileSync('bash', ['-eo', 'pipefail', '-c', script], { encoding: 'utf8' });
}

function withTablesHere(text: string): string {
  return text.replaceAll(' /tables/', ` ${repositoryPath('deploy/compose/tables')}/`);
}

function clientFunction(side: 'old' | 'new', port: number): string {
  const client: Program = side === 'new' ? mysqlProgram('usr/bin/mysql') : { command: 'mariadb', args: [] };
  const args = ['--no-defaults', '--host=127.0.0.1', `--port=${port}`, '--user=root', '--comments'];
  const words = [client.command, ...client.args, ...args].map((word) => `'${word}'`);
  return `docker_process_sql() { ${words.join(' ')} "$@"; }`;
}

/** Path of a file of the repository. Throws where it is not there. */
export function repositoryPath(path: string): string {
  const full = fileURLToPath(new URL(path, REPOSITORY));
  if (!existsSync(full)) throw new Error(`the repository has no ${path}`);
  return full;
}
