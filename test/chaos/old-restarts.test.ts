/**
 * The old server is restarted and killed under load. Clients see what they would see directly; the proxy is
 * there again when the server is; and what failed or was rolled back is never on the shadow (invariant 5).
 */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Mariadb, startMariadb } from '../harness/mariadb.ts';
import { freePort } from '../harness/ports.ts';
import { type Proxy as RunningProxy, startProxy } from '../harness/proxy.ts';
import { waitFor } from '../harness/wait.ts';
import { badLogLines, figures, untilIdle, untilNobodyIsConnected } from './centre-stage.ts';
import { chaosRun } from './chaos-run.ts';
import {
  type Break,
  describeBreak,
  LEDGER_SCHEMA,
  LEDGER_TABLES,
  LedgerWriter,
  readLedger,
} from './ledger.ts';

const run = chaosRun('old-restarts');
const WRITERS = 8;
/** Between two attempts of a writer that finds no server, as an application would wait. */
const RECONNECT_MS = 20;

interface Outage {
  readonly fromMs: number;
  toMs: number;
}

let old: Mariadb;
let fresh: Mariadb;
let proxy: RunningProxy;
const outages: Outage[] = [];
const writers: LedgerWriter[] = [];

beforeAll(async () => {
  [old, fresh] = await Promise.all([startMariadb({ name: 'old' }), startMariadb({ name: 'new' })]);
  await old.query(`CREATE DATABASE app; USE app; ${LEDGER_SCHEMA}`);
  await fresh.query(`CREATE DATABASE app_new; USE app_new; ${LEDGER_SCHEMA}`);
  const port = await freePort();
  const shards = [
    {
      name: 's00',
      port,
      old: { host: old.host, port: old.port, database: 'app' },
      new: { host: fresh.host, port: fresh.port, database: 'app_new' },
    },
  ];
  const mirror = { reads: 100, writes: 100, deletes: 100 };
  proxy = await startProxy({ config: { shards, tables: LEDGER_TABLES, mirror } });
  for (let writer = 0; writer < WRITERS; writer += 1)
    writers.push(
      new LedgerWriter({ writer, random: run.random(10 + writer), database: 'app', port: () => port }),
    );
});

afterAll(async () => {
  await proxy?.kill9();
  await Promise.all([old?.destroy(), fresh?.destroy()]);
});

async function write(writer: LedgerWriter, over: () => boolean): Promise<void> {
  while (!over()) {
    const before = writer.breaks.length;
    await writer.session();
    if (writer.breaks.length > before) await delay(RECONNECT_MS);
  }
}

/** The errors of a client whose server goes away, or is not there. */
function isDisconnection({ error }: Break): boolean {
  if (!(error instanceof Error)) return false;
  const code = 'code' in error ? String(error.code) : '';
  const errno = 'errno' in error ? Number(error.errno) : 0;
  // 1053 and 1927: shut down, killed. 1317: interrupted by that. 1429: the proxy's own word for "not there".
  return (
    ['ECONNRESET', 'EPIPE', 'PROTOCOL_CONNECTION_LOST'].includes(code) ||
    [1053, 1317, 1927, 1429].includes(errno)
  );
}

function duringAnOutage({ openedAtMs, brokenAtMs }: Break): boolean {
  return outages.some(({ fromMs, toMs }) => openedAtMs <= toMs && brokenAtMs >= fromMs);
}

function sum(count: (writer: LedgerWriter) => number): number {
  return writers.reduce((total, writer) => total + count(writer), 0);
}

/** Ends the old server in one of two ways, and starts it again once several clients have found it gone. */
async function breakDown(way: 'stopped' | 'killed', found: number): Promise<void> {
  const outage = { fromMs: performance.now(), toMs: Number.POSITIVE_INFINITY };
  outages.push(outage);
  const goal = sum(({ breaks }) => breaks.length) + found;
  if (way === 'stopped') await old.stop();
  else await old.kill9();
  await waitFor(() => sum(({ breaks }) => breaks.length) >= goal, {
    what: 'clients to find the server gone',
  });
  await old.restart();
  // Who was in the middle of an attempt may still hear of the outage.
  await Promise.all(writers.map(untilOneMoreSession));
  outage.toMs = performance.now();
}

function untilOneMoreSession(writer: LedgerWriter): Promise<unknown> {
  const goal = writer.sessions + 1;
  return waitFor(() => writer.sessions >= goal, { timeoutMs: 30_000, what: 'the proxy to serve again' });
}

describe(`restarts of the old server (${run.title})`, () => {
  it('clients see the outage and nothing else', { timeout: run.timeoutMs }, async () => {
    let over: 'no' | 'yes' = 'no';
    const load = Promise.all(writers.map((writer) => write(writer, () => over === 'yes')));
    try {
      const random = run.random(1);
      const timeIsUp = run.clock();
      do {
        const goal = sum(({ statements }) => statements) + random.integer(50, 1500);
        await waitFor(() => sum(({ statements }) => statements) >= goal, {
          timeoutMs: 60_000,
          what: 'the load to go on',
        });
        await breakDown(random.pick(['stopped', 'killed']), random.integer(1, 3 * WRITERS));
      } while (!timeIsUp());
    } finally {
      over = 'yes';
      await load;
    }
    const breaks = writers.flatMap((writer) => writer.breaks);
    expect(writers.flatMap(({ faults }) => faults)).toEqual([]);
    expect(breaks.filter((each) => !isDisconnection(each)).map(describeBreak)).toEqual([]);
    expect(breaks.filter((each) => !duringAnOutage(each)).map(describeBreak)).toEqual([]);
    expect(breaks.length).toBeGreaterThan(0);
    await untilNobodyIsConnected(proxy);
    expect(badLogLines(proxy)).toEqual([]);
  });

  it('what failed or was rolled back is on neither server, what was answered on both', async () => {
    await untilIdle(proxy);
    const [onOld, onShadow] = await Promise.all([readLedger(old, 'app'), readLedger(fresh, 'app_new')]);
    const folders = writers.flatMap((writer) => writer.folders);
    const sure = folders.filter(({ state }) => state === 'sure');
    expect(sure.length).toBeGreaterThan(folders.length / 4);
    expect(folders.flatMap(({ never }) => [...never]).length).toBeGreaterThan(0);
    for (const { id, never } of folders) {
      const found = (held: typeof onOld) => [...(held.get(id) ?? [])].filter((item) => never.has(item));
      expect({ id, old: found(onOld), shadow: found(onShadow) }).toEqual({ id, old: [], shadow: [] });
    }
    for (const { id, items } of sure) {
      const wanted = sorted(items);
      const got = { id, old: sorted(onOld.get(id) ?? []), shadow: sorted(onShadow.get(id) ?? []) };
      expect(got).toEqual({ id, old: wanted, shadow: wanted });
    }
  });

  it('folders that came out different are in the journal', async () => {
    const [onOld, onShadow] = await Promise.all([readLedger(old, 'app'), readLedger(fresh, 'app_new')]);
    const ids = writers.flatMap((writer) => writer.folders.map(({ id }) => id));
    const differing = ids.filter(
      (id) => sorted(onOld.get(id) ?? []).join() !== sorted(onShadow.get(id) ?? []).join(),
    );
    const figure = await figures(proxy);
    expect(figure('understudy_journal_keys', { table: 'ledger' })).toBeGreaterThanOrEqual(differing.length);
    const failed = ['failed', 'timed_out', 'lost', 'dropped_shadow_down', 'dropped_queue_full'].map(
      (outcome) => figure('understudy_mirror_statements_total', { outcome }),
    );
    expect(failed).toEqual([0, 0, 0, 0, 0]);
  });
});

function sorted(items: Iterable<number>): number[] {
  return [...items].sort((a, b) => a - b);
}
