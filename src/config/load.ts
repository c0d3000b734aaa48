/** Reads and validates the configuration file; every fault is reported at once, with its path. */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, resolve } from 'node:path';
import type { z } from 'zod';
import type { ClusterTlsSettings } from '../base/cluster-tls.ts';
import { messageOf, UsageError } from '../base/errors.ts';
import { readTlsMaterial, type TlsFiles } from '../base/tls-files.ts';
import { checkHeaderValue, checkWebhookUrl, type IncidentSettings } from './incidents-schema.ts';
import { configSchema, type ParsedConfig, WORKERS_MAX } from './schema.ts';
import type { Secret } from './secret-schema.ts';
import { clusterTlsSettings, etcdTlsFiles, type ListenTlsSettings, listenTlsSettings } from './tls-schema.ts';

export interface Account {
  readonly user: string;
  readonly password: string;
}

/** The whole configuration, validated, defaults filled in, secrets resolved. */
export interface Config
  extends Omit<
    ParsedConfig,
    | 'listen'
    | 'newUser'
    | 'oldUser'
    | 'newTls'
    | 'oldTls'
    | '$schema'
    | 'etcd'
    | 'admin'
    | 'workers'
    | 'incidents'
  > {
  /** Absolute path of the file it was read from. */
  readonly file: string;
  /** At least 1; shards may be fewer. */
  readonly workers: number;
  readonly listen: Omit<ParsedConfig['listen'], 'tls'> & { readonly tls: ListenTlsSettings | undefined };
  readonly oldTls: ClusterTlsSettings | undefined;
  readonly newTls: ClusterTlsSettings | undefined;
  readonly newUser: Account;
  readonly oldUser: Account;
  readonly etcd: EtcdSettings | undefined;
  readonly admin: AdminSettings;
  readonly incidents: IncidentSettings;
}

export interface AdminSettings {
  readonly host: string;
  readonly port: number;
  /** Undefined: the port asks for none. */
  readonly token: string | undefined;
}

export interface EtcdSettings {
  readonly hosts: readonly string[];
  readonly prefix: string;
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly ca: Buffer | undefined;
  readonly certificate: Buffer | undefined;
  readonly key: Buffer | undefined;
  /** Where the three were read from. */
  readonly files: TlsFiles;
  readonly serverName: string | undefined;
  readonly rereadMs: number;
  readonly leaseTtlSeconds: number;
}

export interface LoadOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** False for commands that never log in to a cluster: the accounts' secrets and keys need not be at hand then. */
  readonly accounts?: boolean;
  /** False for commands that ask no proxy: nor need the admin port's token. */
  readonly admin?: boolean;
}

const TOKEN_CHARACTERS_MIN = 16;
/** What may stand in the header: RFC 6750, section 2.1. */
const TOKEN = /^[A-Za-z0-9._~+/-]+=*$/;

/**
 * Reads `path`. Throws UsageError listing every fault (unreadable file, bad JSON with line and column,
 * each schema fault with its path, each secret that can't be found).
 */
export function loadConfig(path: string, options: LoadOptions = {}): Config {
  return resolveConfig(parseConfig(readText(path), path), resolve(path), options);
}

/** Validates the text of a configuration file; `label` names it in errors. */
export function parseConfig(text: string, label: string): ParsedConfig {
  const result = configSchema.safeParse(parseJson(text, label));
  if (!result.success)
    throw new UsageError(`${label}: ${describeIssues(result.error.issues).join(`\n${label}: `)}`);
  return result.data;
}

/** JSON.parse with a fault that names line and column. */
export function parseJson(text: string, label: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const message = messageOf(error);
    const at = /position (\d+)/.exec(message);
    if (at === null) throw new UsageError(`${label}: is not valid JSON: ${message}`);
    const before = text.slice(0, Number(at[1]));
    const line = before.split('\n').length;
    const column = before.length - before.lastIndexOf('\n');
    throw new UsageError(`${label}:${line}:${column}: is not valid JSON: ${message}`);
  }
}

/** One sentence a fault: `shards[0].port: …`. */
export function describeIssues(issues: readonly z.core.$ZodIssue[]): string[] {
  return issues.flatMap((issue) => {
    const path = formatPath(issue.path);
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => `${formatPath([...issue.path, key])}: is not a known field`);
    }
    return [`${path}: ${issue.message}`];
  });
}

function formatPath(path: readonly PropertyKey[]): string {
  let text = '';
  for (const part of path)
    text += typeof part === 'number' ? `[${part}]` : `${text === '' ? '' : '.'}${String(part)}`;
  return text === '' ? '(the file)' : text;
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(`${file}: can't be read: ${messageOf(error)}`);
  }
}

function resolveConfig(parsed: ParsedConfig, file: string, options: LoadOptions): Config {
  const faults: string[] = [];
  const base = dirname(file);
  const env = options.env ?? process.env;
  const attempt = <T>(path: string, read: () => T, otherwise: T): T => {
    try {
      return read();
    } catch (error) {
      faults.push(`${path}: ${messageOf(error)}`);
      return otherwise;
    }
  };
  const secret = (path: string, value: Secret | undefined): string | undefined =>
    value === undefined ? undefined : attempt(path, () => resolveSecret(value, base, env), '');
  const account = (path: 'newUser' | 'oldUser'): Account => {
    const password = options.accounts === false ? undefined : parsed[path].password;
    return { user: parsed[path].user, password: secret(`${path}.password`, password) ?? '' };
  };
  const pem = (path: string, name: string | undefined): Buffer | undefined =>
    name === undefined ? undefined : attempt(path, () => readFileSync(resolve(base, name)), Buffer.alloc(0));

  const { token } = parsed.admin;
  const adminToken =
    token === undefined || options.admin === false
      ? undefined
      : attempt('admin.token', () => checkToken(resolveSecret(token, base, env)), '');

  const { webhook } = options.accounts === false ? { webhook: undefined } : parsed.incidents;
  const checked = (path: string, value: Secret, check: (text: string) => string): string =>
    attempt(path, () => check(resolveSecret(value, base, env)), '');

  const { $schema: _schema, ...rest } = parsed;
  const etcd = parsed.etcd;
  const config: Config = {
    ...rest,
    file,
    workers: parsed.workers ?? Math.min(availableParallelism(), WORKERS_MAX),
    listen: { ...parsed.listen, tls: parsed.listen.tls && listenTlsSettings(parsed.listen.tls, base) },
    oldTls: parsed.oldTls && clusterTlsSettings('oldTls', parsed.oldTls, base),
    newTls: parsed.newTls && clusterTlsSettings('newTls', parsed.newTls, base),
    journal: { ...parsed.journal, directory: resolve(base, parsed.journal.directory) },
    newUser: account('newUser'),
    oldUser: account('oldUser'),
    incidents: {
      thresholds: parsed.incidents.thresholds,
      webhook: webhook && {
        url: checked('incidents.webhook.url', webhook.url, checkWebhookUrl),
        headers: Object.fromEntries(
          Object.entries(webhook.headers).map(([name, value]) => [
            name,
            checked(`incidents.webhook.headers.${name}`, value, checkHeaderValue),
          ]),
        ),
        timeoutMs: webhook.timeoutMs,
      },
    },
    admin: { host: parsed.admin.host, port: parsed.admin.port, token: adminToken },
    etcd: etcd && {
      hosts: etcd.hosts,
      prefix: etcd.prefix ?? `/understudy/${parsed.service}/`,
      user: etcd.user,
      password: secret('etcd.password', etcd.password),
      ca: pem('etcd.ca', etcd.ca),
      certificate: pem('etcd.certificate', etcd.certificate),
      key: pem('etcd.key', etcd.key),
      files: etcdTlsFiles(etcd, base),
      serverName: etcd.serverName,
      rereadMs: etcd.rereadMs,
      leaseTtlSeconds: etcd.leaseTtlSeconds,
    },
  };
  if (options.accounts !== false) {
    for (const { files } of [config.listen.tls, config.oldTls, config.newTls].filter(
      (part) => part !== undefined,
    ))
      faults.push(...tlsFaults(files));
  }
  if (faults.length > 0) throw new UsageError(faults.map((fault) => `${file}: ${fault}`).join('\n'));
  return config;
}

/** Throws, without showing it, where it would be guessed or could not be sent. */
function checkToken(token: string): string {
  if (token.length < TOKEN_CHARACTERS_MIN)
    throw new Error(
      `has ${token.length} characters, of which it needs ${TOKEN_CHARACTERS_MIN}: take one from "openssl rand -hex 24"`,
    );
  if (!TOKEN.test(token))
    throw new Error('may hold letters, digits and "-._~+/" alone: take one from "openssl rand -hex 24"');
  return token;
}

function tlsFaults(files: TlsFiles): string[] {
  try {
    readTlsMaterial(files);
    return [];
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return error.message.split('\n');
  }
}

function resolveSecret(secret: Secret, base: string, env: NodeJS.ProcessEnv): string {
  if (typeof secret === 'string') return secret;
  if ('env' in secret) {
    const value = env[secret.env];
    if (value === undefined) throw new Error(`the environment variable ${secret.env} is not set`);
    return value;
  }
  return readFileSync(resolve(base, secret.file), 'utf8').replace(/\r?\n$/, '');
}
