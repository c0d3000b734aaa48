/**
 * Invariant 2 for the journal's disk: it may be full, read-only or slow. Clients get what they get without the proxy,
 * and where the journal can't be written the shard says that a full pass is owed. A full run has a real small disk.
 */
import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { coverage, readJournal } from '../harness/journal-entries.ts';
import { folderId, MESSAGE_CENTRE_TABLES } from '../harness/message-centre.ts';
import { freePort } from '../harness/ports.ts';
import { type Proxy as RunningProxy, startProxy } from '../harness/proxy.ts';
import { compareDatabases } from '../harness/row-differences.ts';
import { temporaryDirectory } from '../harness/temp.ts';
import { waitFor } from '../harness/wait.ts';
import {
  badLogLines,
  type Centre,
  NEW,
  OLD,
  REFERENCE,
  SHARD,
  startCentre,
  untilIdle,
} from './centre-stage.ts';
import { chaosRun } from './chaos-run.ts';
import { runCheckedStream, Witness } from './checked-stream.ts';
import { createStream } from './stream-sessions.ts';

const run = chaosRun('journal-disk');
const FAULTS_BY_PRELOAD = fileURLToPath(new URL('../harness/disk-faults.mjs', import.meta.url));
const STREAMS = 3;
const FOLDERS_A_STREAM = 12;
const CASES = 5;
const STATEMENTS_UNDER_FAULT = run.full ? 2000 : 150;

type Fault = 'full' | 'read-only' | 'slow';
/** Where a proxy keeps its journal, and how that place is made bad and good again. */
interface Place {
  readonly directory: string;
  readonly env: Readonly<Record<string, string>>;
  readonly nodeArgs: readonly string[];
  set(fault: Fault | 'none'): void;
  remove(): void;
}

let centre: Centre;
let cases = 0;

beforeAll(async () => {
  centre = await startCentre({ seed: run.seed, folders: CASES * STREAMS * FOLDERS_A_STREAM });
});
afterAll(() => centre?.close());

/** A folder that its process finds as bad as `set` says. */
function pretended(): Place {
  const directory = join(temporaryDirectory('journal'), 'journal');
  const control = join(temporaryDirectory('disk'), 'fault');
  writeFileSync(control, '');
  return {
    directory,
    env: { UNDERSTUDY_TEST_DISK: JSON.stringify({ directory, control }) },
    nodeArgs: ['--import', FAULTS_BY_PRELOAD],
    set: (fault) => writeFileSync(control, fault === 'none' ? '' : fault),
    remove: () => undefined,
  };
}

/** A file system of its own in memory. */
function mounted(): Place {
  const directory = temporaryDirectory('tmpfs');
  const filler = join(directory, 'filler');
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=6m', 'tmpfs', directory]);
  return {
    directory,
    env: {},
    nodeArgs: [],
    set(fault) {
      execFileSync('mount', ['-o', `remount,${fault === 'read-only' ? 'ro' : 'rw'}`, directory]);
      if (fault !== 'full') rmSync(filler, { force: true });
      else {
        try {
          writeFileSync(filler, Buffer.alloc(8 * 1024 * 1024));
        } catch (error) {
          if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
        }
      }
    },
    remove: () => void execFileSync('umount', ['--lazy', directory]),
  };
}

async function start(place: Place): Promise<RunningProxy> {
  return startProxy({
    env: place.env,
    nodeArgs: place.nodeArgs,
    config: {
      tables: MESSAGE_CENTRE_TABLES,
      shards: [
        {
          ...{ name: SHARD, port: await freePort() },
          old: { host: centre.old.host, port: centre.old.port, database: OLD },
          new: { host: centre.fresh.host, port: centre.fresh.port, database: NEW },
        },
      ],
      mirror: { reads: 100, writes: 100, deletes: 100 },
      journal: { directory: place.directory },
    },
  });
}

/** The first folder of the case that is under way. */
const firstFolder = () => (cases - 1) * STREAMS * FOLDERS_A_STREAM;

/** Streams of sessions on folders of their own, each answer held against the same statement without the proxy. */
function load(proxy: RunningProxy) {
  const witness = new Witness();
  let state: 'on' | 'over' = 'on';
  cases += 1;
  const first = firstFolder();
  const streams = Array.from({ length: STREAMS }, (_, index) => {
    const stream = 1 + cases * STREAMS + index;
    return runCheckedStream(
      {
        name: `stream ${stream}`,
        load: createStream({
          ...{ seed: run.seed, stream, folders: FOLDERS_A_STREAM, collisions: false },
          firstFolder: first + index * FOLDERS_A_STREAM,
          random: run.random(stream),
        }),
        tested: { port: proxy.port(SHARD), database: OLD },
        reference: { port: centre.old.port, database: REFERENCE },
        witness,
      },
      () => state === 'over' || witness.faults > 0,
    );
  });
  return {
    witness,
    async goOn(statements: number): Promise<void> {
      const goal = witness.statements + statements;
      await waitFor(() => witness.statements >= goal || witness.faults > 0, {
        timeoutMs: 60_000,
        what: 'the clients to be answered',
      });
    },
    async end(): Promise<void> {
      state = 'over';
      await Promise.all(streams);
    },
  };
}

async function journalOf(proxy: RunningProxy) {
  return (await proxy.status()).shards[0]!.journal;
}

async function incidentsOf(proxy: RunningProxy): Promise<string> {
  return (await fetch(`${proxy.adminUrl}/api/incidents`)).text();
}

/** What differs of the case's own folders is in its journal, or a full pass is owed, as it may be for those before. */
async function expectNothingLost(proxy: RunningProxy): Promise<void> {
  await untilIdle(proxy);
  const { differing } = await compareDatabases(
    { server: centre.old, database: OLD },
    { server: centre.fresh, database: NEW },
    () => 'folderid',
    Object.keys(MESSAGE_CENTRE_TABLES),
  );
  const { entries, reset } = await readJournal(proxy, SHARD);
  const folders = Array.from(
    { length: STREAMS * FOLDERS_A_STREAM },
    (_, at) => `${folderId(firstFolder() + at)}`,
  );
  const own = differing.filter(({ key }) => folders.includes(key));
  if (!reset) expect(coverage(own, entries).uncovered).toEqual([]);
}

async function underFault(place: Place, fault: Fault): Promise<void> {
  const proxy = await start(place);
  try {
    const clients = load(proxy);
    try {
      await clients.goOn(50);
      place.set(fault);
      await waitFor(async () => (await journalOf(proxy)).failing, {
        timeoutMs: 30_000,
        what: `the disk to be found ${fault}`,
      });
      await clients.goOn(STATEMENTS_UNDER_FAULT);
      const told = await journalOf(proxy);
      expect(told.reset).toBe(fault !== 'slow');
      expect(await proxy.metric('understudy_journal_failing')).toBe(1);
      expect(await proxy.metric('understudy_journal_reset')).toBe(fault === 'slow' ? 0 : 1);
      if (fault !== 'slow') expect(await incidentsOf(proxy)).toContain('journal_failed');
      place.set('none');
      await waitFor(async () => (await journalOf(proxy)).failing === null, {
        timeoutMs: 60_000,
        what: 'the journal to be written again',
      });
      await clients.goOn(50);
    } finally {
      await clients.end();
    }
    expect(clients.witness.samples).toEqual([]);
    await expectNothingLost(proxy);
    // What was lost stays lost, whatever the disk does now.
    expect((await journalOf(proxy)).reset).toBe(fault !== 'slow');
    expect(badLogLines(proxy)).toEqual([]);
    expect((await proxy.stop()).code).toBe(0);
  } finally {
    await proxy.kill9();
    place.remove();
  }
}

describe(`the journal's disk (${run.title})`, () => {
  it.each<Fault>(['full', 'read-only', 'slow'])(
    'may be %s: clients notice nothing',
    { timeout: run.timeoutMs },
    (fault) => underFault(pretended(), fault),
  );

  it('may be read-only from the start', { timeout: run.timeoutMs }, async () => {
    const place = pretended();
    place.set('read-only');
    const proxy = await start(place);
    try {
      const clients = load(proxy);
      await clients.goOn(STATEMENTS_UNDER_FAULT).finally(() => clients.end());
      expect(clients.witness.samples).toEqual([]);
      expect(await journalOf(proxy)).toMatchObject({ reset: true });
      expect(await proxy.metric('understudy_journal_reset')).toBe(1);
    } finally {
      await proxy.kill9();
    }
  });

  // Of the full form alone: the faults above are made in the proxy, and quicker.
  if (run.full) {
    it('may be a real one, and full', { timeout: run.timeoutMs }, () => underFault(mounted(), 'full'));
  }
});
