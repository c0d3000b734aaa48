/**
 * Every method of authentication, with TLS on neither side, either side and both, by real clients: each works
 * or is told why not. What was seen is the table of docs/tls.md.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CLIENT_ERRORS } from '../../src/base/errors.ts';
import type { Proxy as RunningProxy } from '../harness/proxy.ts';
import { REPOSITORY } from '../harness/repository.ts';
import type { SqlServer } from '../harness/sql-server.ts';
import { type Certificates, makeCertificates } from '../harness/tls.ts';
import { LOGIN_CLIENTS, type LoginResult, type LoginTarget, loginAnswer } from './clients/tls-logins.ts';
import {
  LEGS,
  type LegsName,
  listenTls,
  startTlsMariadb,
  startTlsMysql,
  startTlsProxy,
} from './tls-stage.ts';

const PASSWORD = 'a secret';
const LEGS_NAMES = Object.keys(LEGS) as LegsName[];
const CLIENT_NAMES = Object.keys(LOGIN_CLIENTS);
const DOCUMENT = new URL('docs/tls.md', REPOSITORY);
const BEGIN = '<!-- table of logins: from the run of test/integration/tls-logins.test.ts -->';
const END = '<!-- end of the table of logins -->';

interface Method {
  readonly name: string;
  readonly shard: 'mariadb' | 'mysql';
  /** One for each client and legs where the server must not know it yet. */
  readonly user: (client: number, legs: number) => string;
  readonly password: string;
}

const method = (
  name: string,
  shard: Method['shard'],
  user: string | Method['user'],
  password = PASSWORD,
): Method => ({ name, shard, user: typeof user === 'string' ? () => user : user, password });

const METHODS: readonly Method[] = [
  method('`mysql_native_password`', 'mariadb', 'native'),
  method('`client_ed25519`', 'mariadb', 'edward'),
  method('no password, MariaDB', 'mariadb', 'nobody', ''),
  method('`caching_sha2_password`, first login', 'mysql', (client, legs) => `full_${client}_${legs}`),
  method('`caching_sha2_password`, cached', 'mysql', 'fast'),
  method('`sha256_password`', 'mysql', 'sha256'),
  method('no password, MySQL', 'mysql', 'nobody', ''),
];

let certificates: Certificates;
let servers: SqlServer[] = [];
let proxies: Record<'plain' | 'tls', RunningProxy>;
/** What a client saw, by method, legs and client. */
const seen = new Map<string, LoginResult>();
const keyOf = (name: string, legs: string, client: string): string => `${name}|${legs}|${client}`;

beforeAll(async () => {
  certificates = await makeCertificates();
  const [mariadb, mysql] = await Promise.all([
    startTlsMariadb('mariadb', certificates),
    startTlsMysql('mysql', certificates),
  ]);
  servers = [mariadb, mysql];
  await mariadb.query(
    `CREATE USER native@'%' IDENTIFIED BY '${PASSWORD}', nobody@'%';
     CREATE USER edward@'%' IDENTIFIED VIA ed25519 USING PASSWORD('${PASSWORD}')`,
  );
  const full = CLIENT_NAMES.flatMap((_, client) =>
    LEGS_NAMES.map((_name, legs) => `full_${client}_${legs}@'%'`),
  );
  const identified = [...full, "fast@'%'"].map((user) => `${user} IDENTIFIED BY '${PASSWORD}'`).join(', ');
  await mysql.query(
    `CREATE USER ${identified}, nobody@'%'; CREATE USER sha256@'%' IDENTIFIED WITH sha256_password BY '${PASSWORD}'`,
  );
  await (
    await createConnection({ host: mysql.host, port: mysql.port, user: 'fast', password: PASSWORD })
  ).end();
  const plans = [
    { name: 'mariadb', old: mariadb, fresh: mysql },
    { name: 'mysql', old: mysql, fresh: mariadb },
  ];
  const listen = { tls: listenTls(certificates) };
  const newTls = { ca: certificates.ca };
  proxies = {
    plain: await startTlsProxy(plans, { listen, newTls }),
    tls: await startTlsProxy(plans, { listen, newTls, oldTls: { ca: certificates.ca } }),
  };
});
afterAll(async () => {
  await Promise.all(Object.values(proxies ?? {}).map((proxy) => proxy.kill9()));
  await Promise.all(servers.map((server) => server.destroy()));
});

function targetOf({ shard, user, password }: Method, client: number, legs: LegsName): LoginTarget {
  const { client: clientTls, old } = LEGS[legs];
  return {
    port: proxies[old ? 'tls' : 'plain'].port(shard),
    user: user(client, LEGS_NAMES.indexOf(legs)),
    password,
    ca: clientTls ? certificates.ca : null,
  };
}

describe.each(CLIENT_NAMES)('%s', (client) => {
  beforeAll(async () => {
    const cells = METHODS.flatMap((row) => LEGS_NAMES.map((legs) => ({ row, legs })));
    const index = CLIENT_NAMES.indexOf(client);
    const results = await LOGIN_CLIENTS[client]!(cells.map(({ row, legs }) => targetOf(row, index, legs)));
    cells.forEach(({ row, legs }, at) => {
      const result = results[at]!;
      const { user } = targetOf(row, index, legs);
      expect(result.answer ?? loginAnswer(user)).toBe(loginAnswer(user));
      seen.set(keyOf(row.name, legs, client), result);
    });
  });

  it.each(METHODS.map(({ name }) => name))('%s: works, or says why not', (name) => {
    for (const legs of LEGS_NAMES) outcomeOf(name, legs, client);
  });
});

/** `works`, our error's name, or null where the client does not speak the method at all. Throws for anything else. */
function outcomeOf(name: string, legs: string, client: string): string | null {
  const result = seen.get(keyOf(name, legs, client));
  if (result === undefined) throw new Error(`${client} was not asked for ${name} over ${legs}`);
  if (result.answer !== undefined) return 'works';
  const ours = Object.values(CLIENT_ERRORS).find(
    ({ errno, message }) =>
      errno === result.errno && result.error?.includes(message.slice(message.lastIndexOf('understudy:'))),
  );
  if (ours !== undefined) return `\`${ours.code}\``;
  if (UNSPOKEN.test(result.error ?? '')) return null;
  throw new Error(`${client}, ${name}, ${legs}: ${result.errno} ${result.error}`);
}

/** How clients say that they have no such plugin. */
const UNSPOKEN =
  /unknown plugin|Authentication plugin .* (?:cannot be loaded|not configured)|authentication method unknown to the client|nacl/i;

it('docs/tls.md shows what was seen', () => {
  const text = readFileSync(DOCUMENT, 'utf8');
  const [from, to] = [text.indexOf(BEGIN), text.indexOf(END)];
  expect(from).toBeGreaterThan(0);
  const wanted = `${text.slice(0, from + BEGIN.length)}\n\n${table()}\n\n${text.slice(to)}`;
  if (process.env.UNDERSTUDY_WRITE_DOCS !== undefined) writeFileSync(DOCUMENT, wanted);
  else expect(text, 'run this test with UNDERSTUDY_WRITE_DOCS=1').toBe(wanted);
});

function table(): string {
  const rows = METHODS.map(({ name }) => [name, ...LEGS_NAMES.map((legs) => cellOf(name, legs))]);
  const head = ['method', ...LEGS_NAMES];
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

/** One outcome where all clients agree that speak the method; else each outcome with its clients. */
function cellOf(name: string, legs: string): string {
  const byOutcome = new Map<string, string[]>();
  for (const client of CLIENT_NAMES) {
    const outcome = outcomeOf(name, legs, client);
    if (outcome !== null) byOutcome.set(outcome, [...(byOutcome.get(outcome) ?? []), client]);
  }
  if (byOutcome.size === 1) return [...byOutcome.keys()][0]!;
  return [...byOutcome].map(([outcome, clients]) => `${outcome} (${clients.join(', ')})`).join('; ');
}
