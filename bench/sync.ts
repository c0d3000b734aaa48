/** `npm run bench:sync`: the sync beside pt-table-sync and a bare scan by the same hash, in one run. */
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { describeCommit, describeMachine } from './machine.ts';
import { runPtTableSync, runSync, type SyncRun, scanBoth } from './sync-measure.ts';
import { missedAims, renderSync, SYNC_PAGE, type SyncResults, withSync } from './sync-page.ts';
import { DIFFERING, type SyncClusters, startSyncClusters } from './sync-stage.ts';
import { prepareTables, runLoad, DATABASE as SYSBENCH_DATABASE } from './sysbench.ts';

const USAGE = `usage: npm run bench:sync -- [--docs]
  --docs    write the figures into docs/sync.md
`;
const DIFFERS = 1;
/** Of which the median counts. */
const ROUNDS = 3;
const LOAD = Object.freeze({ workload: 'oltp_point_select', protocol: 'text', threads: 4, seconds: 10 });

async function run(args: readonly string[]): Promise<number> {
  const docs = wantsDocs(args);
  if (docs === null) {
    process.stderr.write(USAGE);
    return 2;
  }
  const [machine, commit] = [await describeMachine(), await describeCommit()];
  say('two servers are filled');
  const clusters = await startSyncClusters();
  try {
    const results: SyncResults = {
      about: [
        `**When:** ${new Date().toISOString().slice(0, 10)}, commit ${commit}.`,
        `**On:** Node ${machine.node}, MariaDB ${machine.mariadb}, ${machine.cores} cores, load average ${machine.loadAverage}.`,
      ],
      round: await measureRound(clusters),
      large: await measureLarge(clusters),
      live: await measureLive(clusters),
    };
    process.stdout.write(`${renderSync(results)}\n`);
    if (docs) writeFileSync(SYNC_PAGE, withSync(readFileSync(SYNC_PAGE, 'utf8'), results));
    const missed = missedAims(results);
    for (const aim of missed) process.stderr.write(`${aim}\n`);
    return missed.length === 0 ? 0 : 1;
  } finally {
    await clusters.destroy();
  }
}

async function measureRound(clusters: SyncClusters): Promise<SyncResults['round']> {
  say('a clean table');
  const scanSeconds = await medianScan(clusters, 'clean');
  const clean = await medianRun(() => runSync(clusters, 'clean', ['--check'], 0));
  say('pt-table-sync');
  const { seconds: ptSeconds, printed } = await runPtTableSync(clusters, 'differing');
  say(`pt-table-sync: ${ptSeconds.toFixed(2)} s`);
  if (printed !== DIFFERING) throw new Error(`pt-table-sync printed ${printed} statements, not ${DIFFERING}`);
  say('a table that differs');
  const check = await runSync(clusters, 'differing', ['--check'], DIFFERS);
  const repair = await runSync(clusters, 'differing', [], 0);
  for (const { rowsFound } of [check, repair])
    if (rowsFound !== DIFFERING) throw new Error(`the sync found ${rowsFound} rows, not ${DIFFERING}`);
  return { scanSeconds, clean, ptSeconds, check, repair };
}

async function measureLarge(clusters: SyncClusters): Promise<SyncResults['large']> {
  say('a large table');
  const scanSeconds = await medianScan(clusters, 'large');
  const check = await runSync(clusters, 'large', ['--check'], DIFFERS);
  return { scanSeconds, check, repair: await runSync(clusters, 'large', [], 0) };
}

/** The large table is clean by now, and compared for as long as the load runs. */
async function measureLive(clusters: SyncClusters): Promise<SyncResults['live']> {
  say('live queries');
  const { port } = clusters.old;
  await clusters.old.query(`CREATE DATABASE ${SYSBENCH_DATABASE}`);
  await prepareTables(port);
  const alone = await runLoad({ ...LOAD, port });
  let loaded = true;
  const load = runLoad({ ...LOAD, port }).finally(() => {
    loaded = false;
  });
  const syncing = (async () => {
    while (loaded) await runSync(clusters, 'large', ['--check'], 0);
  })();
  const [busy] = await Promise.all([load, syncing]);
  return { aloneMs: alone.p99Ms, withMs: busy.p99Ms };
}

/** The first one also brings the table into memory. */
async function medianScan(clusters: SyncClusters, table: 'clean' | 'large'): Promise<number> {
  const seconds: number[] = [];
  for (let scan = 0; scan < ROUNDS; scan++) seconds.push(await scanBoth(clusters, table));
  const median = seconds.sort((a, b) => a - b)[Math.floor(ROUNDS / 2)]!;
  say(`bare scan of ${table}: ${median.toFixed(2)} s`);
  return median;
}

/** Of those that change nothing. */
async function medianRun(once: () => Promise<SyncRun>): Promise<SyncRun> {
  const runs: SyncRun[] = [];
  for (let round = 0; round < ROUNDS; round++) runs.push(await once());
  return runs.sort((a, b) => a.passSeconds - b.passSeconds)[Math.floor(ROUNDS / 2)]!;
}

/** Null where the arguments are wrong. */
function wantsDocs(args: readonly string[]): boolean | null {
  try {
    return parseArgs({ args: [...args], options: { docs: { type: 'boolean', default: false } } }).values.docs;
  } catch {
    return null;
  }
}

function say(text: string): void {
  process.stderr.write(`sync: ${text}\n`);
}

// Through process.exit, so that the servers and the temporary folders go at once.
process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));
process.exit(await run(process.argv.slice(2)));
