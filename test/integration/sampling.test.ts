/**
 * Sampling on real servers: of the sampled keys every row comes out the same, of the others none is touched, a higher
 * ratio only adds keys, and two proxies pick the same ones.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DoubtReason } from '../../src/journal/journal.ts';
import { readJournal } from '../harness/journal-entries.ts';
import { type Mariadb, startMariadb } from '../harness/mariadb.ts';
import { freePorts } from '../harness/ports.ts';
import { type Proxy as RunningProxy, startProxy } from '../harness/proxy.ts';
import { createRandom } from '../harness/random.ts';
import { compareDatabases, readTable, type TableRows } from '../harness/row-differences.ts';
import { RowWriter, WRITER_SCHEMA } from '../harness/row-writer.ts';
import { untilMirrorIsIdle } from './stage.ts';

const SHARD = 's00';
const FOLDERS = 80;
const WRITERS = 4;
const STATEMENTS_A_WRITER = 140;
const SEED = 4;

let old: Mariadb;
let fresh: Mariadb;
const proxies: RunningProxy[] = [];

beforeAll(async () => {
  [old, fresh] = await Promise.all([startMariadb({ name: 'old' }), startMariadb({ name: 'new' })]);
});
afterAll(async () => {
  await Promise.all(proxies.map((proxy) => proxy.kill9()));
  await Promise.all([old?.destroy(), fresh?.destroy()]);
});

interface Run {
  /** Folders that are the same on both sides although they were written to. */
  readonly sampled: ReadonlySet<string>;
  readonly written: ReadonlySet<string>;
}

/** One and the same load at a ratio, through `count` proxies at once, from the same rows on. */
async function runAt(percent: number, count: number): Promise<Run> {
  const before = await fill();
  const started = await startProxies(percent, count);
  await Promise.all(
    Array.from({ length: WRITERS }, async (_, index) => {
      const writer = new RowWriter({
        first: 1 + (index * FOLDERS) / WRITERS,
        folders: FOLDERS / WRITERS,
        shared: { first: 0, folders: 0 },
        numbers: 'none',
        random: createRandom(SEED + index),
        port: () => started[index % started.length]!.port(SHARD),
        database: 'app',
      });
      while (writer.statements < STATEMENTS_A_WRITER) await writer.session();
    }),
  );
  for (const proxy of started) await untilMirrorIsIdle(proxy);
  const run = await judge(before, started);
  await Promise.all(started.map((proxy) => proxy.kill9()));
  return run;
}

/** The same rows on both sides: an untouched folder of the new one is told by them. */
async function fill(): Promise<TableRows> {
  const rows = Array.from({ length: FOLDERS }, (_, at) => `(${at + 1}, 1, ${at + 7}, 'seed', '2026-01-01')`);
  for (const [server, name] of [
    [old, 'app'],
    [fresh, 'app_new'],
  ] as const)
    await server.query(
      `DROP DATABASE IF EXISTS ${name}; CREATE DATABASE ${name} CHARACTER SET utf8mb4; USE ${name};
       ${WRITER_SCHEMA.replace('ENGINE_OF_ENTRIES', 'InnoDB')}; INSERT INTO entries VALUES ${rows.join(',')}`,
    );
  return readTable({ server: old, database: 'app' }, 'entries', 'folderid');
}

async function startProxies(percent: number, count: number): Promise<RunningProxy[]> {
  const ports = await freePorts(count);
  const started = await Promise.all(
    ports.map((port) =>
      startProxy({
        config: {
          tables: { entries: { key: 'folderid' } },
          shards: [
            {
              ...{ name: SHARD, port },
              old: { host: old.host, port: old.port, database: 'app' },
              new: { host: fresh.host, port: fresh.port, database: 'app_new' },
            },
          ],
          mirror: { reads: 0, writes: percent, deletes: percent },
        },
      }),
    ),
  );
  proxies.push(...started);
  return started;
}

async function judge(before: TableRows, started: readonly RunningProxy[]): Promise<Run> {
  const sides = [
    { server: old, database: 'app' },
    { server: fresh, database: 'app_new' },
  ] as const;
  const [oldRows, freshRows] = await Promise.all(sides.map((side) => readTable(side, 'entries', 'folderid')));
  const written = foldersThatDiffer(before, oldRows!);
  const touched = foldersThatDiffer(before, freshRows!);
  const differing = new Set(
    (await compareDatabases(...sides, () => 'folderid', ['entries'])).differing.map(({ key }) => key),
  );
  const journals = await Promise.all(started.map((proxy) => readJournal(proxy, SHARD)));
  const doubts = journals.flatMap(({ entries }) => entries.filter(({ reason }) => reason !== 'written'));
  const keysOf = (wanted: DoubtReason) =>
    new Set(doubts.filter(({ reason }) => reason === wanted).map(({ key }) => key));
  const leftOut = keysOf('not_sampled');
  // A second of the primary's clock may end while a statement with NOW() is under way.
  const unsure = keysOf('hazard');
  const tell = (folders: Iterable<string>): string[] =>
    [...folders].map((folder) => {
      const reasons = doubts.filter(({ key }) => key === folder).map(({ reason }) => reason);
      return `${folder}: ${reasons.join(', ')}`;
    });
  // A sampled folder has all that was written to it; of another one nothing has come.
  expect({
    otherReasons: doubts.filter(
      ({ key, reason }) => key === null || !['not_sampled', 'hazard'].includes(reason),
    ),
    halfMirrored: tell([...touched].filter((folder) => differing.has(folder) && !unsure.has(folder))),
    uncovered: tell([...differing].filter((folder) => !leftOut.has(folder) && !unsure.has(folder))),
    touchedThoughLeftOut: tell([...touched].filter((folder) => leftOut.has(folder))),
  }).toEqual({ otherReasons: [], halfMirrored: [], uncovered: [], touchedThoughLeftOut: [] });
  return { sampled: touched, written };
}

/** Folders of which one side has a row that the other has not. */
function foldersThatDiffer(one: TableRows, other: TableRows): ReadonlySet<string> {
  const folders = new Set<string>();
  for (const [a, b] of [
    [one, other],
    [other, one],
  ] as const)
    for (const [primaryKey, { key, content }] of a)
      if (b.get(primaryKey)?.content !== content) folders.add(key);
  return folders;
}

describe('sampling by key', () => {
  let quarter: Run;

  it('at 25: of the sampled keys all, of the others nothing', async () => {
    quarter = await runAt(25, 1);
    expect(quarter.written.size).toBeGreaterThan(FOLDERS * 0.9);
    const share = quarter.sampled.size / quarter.written.size;
    expect(share).toBeGreaterThan(0.1);
    expect(share).toBeLessThan(0.4);
  });

  it('at 50: the same keys, and more', async () => {
    const half = await runAt(50, 1);
    const lost = [...quarter.sampled].filter(
      (folder) => half.written.has(folder) && !half.sampled.has(folder),
    );
    expect({ lost }).toEqual({ lost: [] });
    expect(half.sampled.size).toBeGreaterThan(quarter.sampled.size);
  });

  it('two proxies pick the same keys as one', async () => {
    const both = await runAt(25, 2);
    const known = (folder: string): boolean => both.written.has(folder) && quarter.written.has(folder);
    expect([...both.sampled].filter(known).sort()).toEqual([...quarter.sampled].filter(known).sort());
  });
});
