/**
 * A write that is lost in silence is the worst that a mirror can do. Clients send statements by dice, at the same time,
 * and after each round every row that differs between the two servers has its key, or its table, in the journal.
 */
import type { ConnectionOptions } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Doubt } from '../../src/journal/journal.ts';
import { readJournal } from '../harness/journal-entries.ts';
import type { Proxy as RunningProxy } from '../harness/proxy.ts';
import { waitFor } from '../harness/wait.ts';
import { badLogLines } from './centre-stage.ts';
import { chaosRun } from './chaos-run.ts';
import { RAW_WAYS, RawStatementClient } from './raw-statement-client.ts';
import { StatementClient, WAYS, type Way } from './statement-client.ts';
import { StatementGrammar, TRAITS } from './statement-grammar.ts';
import { type DifferingKey, OLD_DATABASE, SHARD, StatementStage, unseen } from './statement-stage.ts';
import type { Dialect } from './statement-tables.ts';

const run = chaosRun('statement-fuzz');
/** In a round, over all clients. */
const STEPS = 48;
/** However short the run. */
const ROUNDS_MIN = 6;
const PAIRS: readonly (readonly [Dialect, Dialect])[] = run.full
  ? [
      ['mariadb', 'mariadb'],
      ['mariadb', 'mysql'],
      ['mysql', 'mysql'],
      ['mysql', 'mariadb'],
    ]
  : [['mariadb', 'mysql']];
/** Of the clients: those that send their packets themselves. */
const RAW_SHARE = 0.5;
/** In a full run one round of so many has a proxy of its own, which is killed. */
const KILL_EVERY = 6;
/** What a journal says of itself that was written on a machine with much else to do. */
const SLOW_DISK = 'the process ended while its disk was slow';
/** Rounds depend on their number and the seed alone: the one that failed can be the first. */
const FIRST_ROUND = Number(process.env.UNDERSTUDY_FUZZ_ROUND ?? 0);

describe.each(PAIRS)(`from %s to %s (${run.title})`, (from, to) => {
  let stage: StatementStage;
  let log: string[] = [];
  /** `open`: tables written of which only keys are in doubt, so that a difference can be seen. */
  const totals = { rounds: 0, kills: 0, sent: 0, answered: 0, differing: 0, quiet: 0, tables: 0, open: 0 };

  beforeAll(async () => {
    stage = await StatementStage.start(from, to);
  });
  afterAll(() => stage?.close());

  it('leaves no row that differs out of the journal', { timeout: 4 * run.timeoutMs }, async () => {
    const over = run.clock();
    let silent: string | null = null;
    for (let round = FIRST_ROUND; silent === null && (totals.rounds < ROUNDS_MIN || !over()); round++) {
      await stage.refill();
      const isMortal = run.full && round % KILL_EVERY === KILL_EVERY - 1;
      silent = isMortal ? await killInRound(round) : await passRound(round);
    }
    const { rounds, kills, sent, answered, differing, quiet, tables, open } = totals;
    run.say(
      `${from} to ${to}: ${rounds} rounds, ${kills} of them with a kill, ${sent} statements sent, ${answered} carried out; ${differing} keys differed, ` +
        `${quiet} rounds left no doubt; of ${tables} tables ${open} were not in doubt as a whole`,
    );
    if (silent !== null) throw new Error(silent);
    if (run.full) expect(open).toBeGreaterThan(0);
    for (const proxy of stage.proxies) expect(badLogLines(proxy)).toEqual([]);
  });

  async function passRound(round: number): Promise<string | null> {
    const proxy = stage.proxies[round % stage.proxies.length]!;
    await Promise.all(play(round, proxy, WAYS));
    await stage.untilQuiet(proxy);
    const { entries, cursor, reset } = await readJournal(proxy, SHARD);
    expect(reset).toBe(false);
    const doubts = entries.filter(({ reason }) => reason !== 'written');
    const silent = await judge(round, entries, doubts);
    await settle(proxy, cursor, doubts);
    return silent;
  }

  /** The proxy dies in the middle: what it had noted as written counts too, and nothing else was ever in its journal. */
  async function killInRound(round: number): Promise<string | null> {
    const dying = await stage.startMortal();
    const lines = run.random(50_000_000 + round).integer(1, STEPS);
    // Nobody is left that could take back what is prepared.
    const playing = Promise.allSettled(
      play(
        round,
        dying,
        WAYS.filter((way) => way !== 'xa'),
      ),
    );
    const isOver = await Promise.race([
      playing.then(() => true),
      waitFor(() => log.length > lines, { timeoutMs: 30_000, what: 'the clients to begin' }).catch(
        () => false,
      ),
    ]);
    log.push(`killed${isOver === true ? ' at the end' : ''}`);
    const proxy = await stage.killMortal();
    await playing;
    await stage.untilQuiet(proxy);
    totals.kills += 1;
    const owed = (await proxy.status()).shards[0]!.journal.resetReason;
    if (owed === SLOW_DISK) return null;
    expect(owed).toBeNull();
    const { entries } = await readJournal(proxy, SHARD);
    return judge(round, entries, entries);
  }

  function play(round: number, proxy: RunningProxy, allWays: readonly Way[]): Promise<void>[] {
    const random = run.random(round);
    const some = <T>(all: readonly T[], max: number): ReadonlySet<T> =>
      new Set(Array.from({ length: random.integer(0, max) }, () => random.pick(all)));
    const tables = [
      ...some(
        stage.tables.filter(({ moved }) => moved),
        3,
      ),
      random.pick(stage.tables),
    ];
    const staying = stage.tables.find(({ moved }) => !moved)!;
    const traits = some(TRAITS, 3);
    const ways = some(allWays, 2);
    const rawWays = some(RAW_WAYS, 3);
    const count = random.pick(traits.has('hot') ? [1, 4, 8] : [1, 1, 2, 4]);
    log = [
      `traits ${[...traits].join()}; ways ${[...ways, '/', ...rawWays].join()}; tables ${tables.map(({ name }) => name).join()}`,
    ];
    const clients = Array.from({ length: count }, (_, index) => {
      const own = run.random(100_000 + 10 * round + index);
      const shared = {
        name: `c${index}`,
        random: own,
        grammar: new StatementGrammar({
          ...{ random: own, dialect: from, traits, tables, staying, database: OLD_DATABASE },
        }),
        address: { host: '127.0.0.1', port: proxy.port(SHARD), database: OLD_DATABASE, user: 'root' },
        log: (line: string) => void log.push(line),
      };
      return own.chance(RAW_SHARE)
        ? new RawStatementClient({ ...shared, ways: rawWays })
        : new StatementClient({
            ...{ ...shared, ways },
            connect: (options: ConnectionOptions) => stage.old.connect(options),
          });
    });
    return clients.map((client) => client.run(STEPS / count));
  }

  /** What differs in silence, as a text; null: nothing. */
  async function judge(
    round: number,
    entries: readonly Doubt[],
    excuses: readonly Doubt[],
  ): Promise<string | null> {
    const differing = await stage.differences();
    const wide = new Set(excuses.filter(({ key }) => key === null).map(({ table }) => table));
    const written = new Set(entries.map(({ table }) => table));
    totals.rounds += 1;
    totals.sent += log.length;
    totals.answered += log.filter((line) => line.endsWith('→ ok')).length;
    totals.differing += differing.length;
    totals.quiet += excuses.length === 0 ? 1 : 0;
    totals.tables += written.size;
    totals.open += wide.has('*') ? 0 : [...written].filter((table) => !wide.has(table)).length;
    const silent = unseen(stage.tables, differing, excuses);
    return silent.length === 0 ? null : told(round, silent, excuses);
  }

  function told(round: number, silent: readonly DifferingKey[], doubts: readonly Doubt[]): string {
    return [
      `UNDERSTUDY_FUZZ_ROUND=${round}: rows differ in silence`,
      ...silent.slice(0, 20).map((row) => JSON.stringify(row)),
      ...doubts.slice(0, 30).map((doubt) => JSON.stringify(doubt)),
      ...log,
    ].join('\n');
  }
});

/** So that the doubts of one round excuse nothing in the next. */
async function settle(proxy: RunningProxy, cursor: string, doubts: readonly Doubt[]): Promise<void> {
  const response = await fetch(`${proxy.adminUrl}/api/journal/settle`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ shard: SHARD, cursor, entries: doubts }),
  });
  expect(await response.json()).toMatchObject({ stale: false, kept: 0 });
}
