/**
 * Processes that share a sync are killed, stopped for longer than their leases and started again at moments by dice, and
 * etcd with them: no range is lost or counted twice, and in the end nothing differs.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createRandom } from '../harness/random.ts';
import {
  PREFIX,
  type SharedSyncStage,
  type SyncEnd,
  type SyncProcess,
  startSharedSyncStage,
} from '../harness/shared-sync-stage.ts';
import { waitFor } from '../harness/wait.ts';
import { chaosRun } from './chaos-run.ts';

const run = chaosRun('sync-shared');
const FOLDERS = run.full ? 3000 : 300;
const PAUSE = `${PREFIX}sync/pause`;

let stage: SharedSyncStage;

beforeAll(async () => {
  stage = await startSharedSyncStage();
});

afterAll(() => stage?.close());

/** One folder in ten lacks its rows on the new side, or has them otherwise. */
async function corrupt(seed: number): Promise<number> {
  const random = createRandom(seed);
  const [gone, other] = [random.integer(0, 9), random.integer(0, 9)];
  await stage.spoil(
    `DELETE FROM messages WHERE folderid % 10 = ${gone}`,
    `UPDATE notes SET body = 'other' WHERE CAST(SUBSTR(owner, 2) AS INT) % 10 = ${other}`,
  );
  return FOLDERS / 5;
}

type Fault = 'kill' | 'stop' | 'etcd';

/** What is done to the processes between two looks at how far they are. */
class Dealer {
  readonly #random = run.random(1);
  readonly dealt: Fault[] = [];
  readonly runs: SyncProcess[] = [];

  async start(): Promise<void> {
    this.runs.push(await stage.startMortal('--full'));
  }

  get alive(): readonly SyncProcess[] {
    return this.runs.filter(({ child }) => child.running());
  }

  async deal(): Promise<void> {
    const fault = this.#random.pick<Fault>(['kill', 'kill', 'stop', 'etcd']);
    const { alive } = this;
    if (alive.length === 0) return;
    const victim = this.#random.pick(alive);
    this.dealt.push(fault);
    if (fault === 'kill') {
      await victim.child.kill9();
      await this.start();
    } else if (fault === 'stop') {
      const before = (await stage.state()).members.length;
      victim.child.pause();
      // It is taken for lost, or was the last that had anything to do.
      await waitFor(async () => before === 0 || (await stage.state()).members.length < before, {
        what: 'a lease to end',
        timeoutMs: 30_000,
      });
      victim.child.resume();
    } else {
      await stage.etcd.kill9();
      await stage.etcd.restart();
    }
  }
}

async function round(seed: number, timeIsUp: () => boolean): Promise<void> {
  await stage.fill(FOLDERS);
  const corrupted = await corrupt(seed);
  const dealer = new Dealer();
  await stage.etcd.put(PAUSE, 'until all are there');
  await dealer.start();
  await dealer.start();
  await waitFor(async () => new Set((await stage.state()).claims.map(({ member }) => member)).size === 2, {
    what: 'both to have a range',
    timeoutMs: 60_000,
  });
  // The first is dealt while both hold what they have taken and done nothing of it.
  for (let faults = 0; faults < 1 || (faults < 6 && !timeIsUp()); faults++) {
    if (dealer.alive.length === 0) break;
    await dealer.deal();
    if (faults === 0) await stage.etcd.del(PAUSE);
  }
  const all = await Promise.all(dealer.runs.map((each) => each.end()));
  // One that was stopped may come back when the others have finished: then it says so, and nothing else.
  const isLate = ({ exit, said }: SyncEnd): boolean =>
    exit.code === 1 && dealer.dealt.includes('stop') && said.includes('others have finished it');
  const ends = all.filter((each) => each.exit.signal === null && !isLate(each));
  run.say(`${dealer.dealt.join(', ')}: ${ends.length} of ${all.length} processes came to the end`);
  // Where the last was killed after the others had ended, one that was started for it came to the end.
  expect(ends.length).toBeGreaterThan(0);
  for (const { exit, said, report } of ends) {
    expect(exit.code, said).toBe(0);
    const counts = report!.passes[0]!.counts;
    expect(counts.groups, said).toBe(2 * FOLDERS);
    // What was repaired and not yet noted when its process was killed is found the same by the next.
    expect(counts.settled.repaired).toBeLessThanOrEqual(corrupted);
  }
  expect(await stage.differing()).toEqual([]);
  expect([...(await stage.state()).all.keys()].filter((key) => key.includes('/ranges/'))).toEqual([]);
}

it(
  `a sync of several processes survives whatever becomes of them (${run.title})`,
  async () => {
    const timeIsUp = run.clock();
    for (let number = 0; number < 1 || !timeIsUp(); number++) await round(run.seed + number, timeIsUp);
  },
  run.timeoutMs,
);
