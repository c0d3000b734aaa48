/**
 * Every client, on both old servers, mirrored whole to one of the other kind: each step of a session gives
 * through the proxy what it gives without, and the new server ends with the old one's rows.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  doubtOwed,
  type OwedDoubt,
  type Runner,
  STEPS,
  type Step,
  type StepLine,
  stepsOf,
  writerOf,
} from './clients/client.ts';
import { CLIENTS } from './clients/clients.ts';
import { writeClientsPage } from './clients/clients-page.ts';
import { type Cell, ClientsStage, KINDS, type Kind, type Run } from './clients/clients-stage.ts';
import { factsOf } from './clients/facts.ts';
import { SAMPLES } from './clients/samples.ts';

/** Sessions wait for their servers most of the time. */
const AT_ONCE = 4;
const SESSIONS_TIMEOUT_MS = 900_000;

let stage: ClientsStage;
const runs = new Map<Cell, Promise<Run>>();
/** The steps of a client that came out as they must, on how many old servers. */
const passed = new Map<string, number>();
const versions = new Map<string, string>();

beforeAll(async () => {
  stage = await ClientsStage.start([...CLIENTS, ...SAMPLES]);
  const waiting = [...stage.cells];
  const work = async (): Promise<void> => {
    for (let cell = waiting.shift(); cell !== undefined; cell = waiting.shift()) {
      const run = stage.run(cell);
      runs.set(cell, run);
      // Whoever asks for this client's run hears of it.
      await run.catch(() => undefined);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}, SESSIONS_TIMEOUT_MS);

afterAll(async () => {
  await stage?.close();
  if (process.env.UNDERSTUDY_CLIENTS_PAGE === 'write') {
    const works = (client: string, step: Step): boolean => passed.get(`${client} ${step}`) === KINDS.length;
    writeClientsPage(CLIENTS, SAMPLES, versions, works);
  }
});

describe.each(KINDS)('old on %s', (kind) => {
  describe.each(CLIENTS)('$name', (client) => {
    const run = (): Promise<Run> => runOf(client, kind);

    it.each(stepsOf(client))('%s', async (step) => {
      const { cell, direct, relayed } = await run();
      const seen = seenIn(relayed, step);
      expect(seen).toEqual(seenIn(direct, step));
      const facts = factsOf(step, seen, cell.settings);
      expect(facts.found).toEqual(facts.wanted);
      passed.set(`${client.id} ${step}`, (passed.get(`${client.id} ${step}`) ?? 0) + 1);
    });

    it('does all of its steps, and no other', async () => {
      const { relayed } = await run();
      const steps = relayed.flatMap((line) => ('step' in line ? [line.step] : []));
      expect(STEPS.filter((step) => steps.includes(step))).toEqual(stepsOf(client));
      expect(steps).toHaveLength(stepsOf(client).length);
      for (const line of relayed) if ('version' in line) versions.set(client.id, line.version);
      expect(versions.get(client.id)).toMatch(/\d/);
    });

    it('leaves the same rows on the new server, and a doubt for every other', async () => {
      const { cell } = await run();
      const differences = await stage.differences(cell);
      const owed = differences.map(({ table, folder }) => {
        const step = writerOf(table, folder);
        expect(Object.keys(client.unmirrored), `folder ${folder} of ${table}`).toContain(step);
        return doubtOwed(step!, table, folder);
      });
      expect(owed).not.toEqual([]);
      await expectDoubts(cell, owed);
    });

    it('is followed to its end', async () => {
      const { cell } = await run();
      const blind = await stage.metric('understudy_relay_blind_total', cell);
      const compressed = await stage.metric('understudy_relay_blind_total', cell, { reason: 'compression' });
      expect(blind).toBe(compressed);
      expect(compressed).toBe(client.unmirrored.compression === undefined ? 0 : 1);
    });
  });
});

describe.each(KINDS)('old on %s', (kind) => {
  describe.each(SAMPLES)('$name, beyond the steps of all', (sample) => {
    it.each(sample.features)('%s', async (feature) => {
      const { direct, relayed } = await runOf(sample, kind);
      const seen = seenIn(relayed, feature);
      expect(seen).toEqual(seenIn(direct, feature));
    });

    it('leaves the same rows on the new server, and a doubt for every other', async () => {
      const { cell, relayed } = await runOf(sample, kind);
      expect(relayed).toHaveLength(sample.features.length + 1);
      const owed = (await stage.differences(cell)).map(({ table, folder }) => {
        const doubt = sample.unmirrored[`${table} ${folder}`];
        if (doubt === undefined) throw new Error(`folder ${folder} of ${table} differs`);
        return doubt;
      });
      await expectDoubts(cell, owed);
      expect(await stage.metric('understudy_relay_blind_total', cell)).toBe(0);
    });
  });
});

it('no reader has lost its step', () => {
  expect(stage.logs()).not.toContain('please report this');
});

async function runOf(client: Runner, kind: Kind): Promise<Run> {
  const cell = stage.cells.find((each) => each.client === client && each.kind === kind);
  const found = cell === undefined ? undefined : await runs.get(cell);
  if (found === undefined) throw new Error(`${client.name} was not run`);
  return found;
}

/** A CALL leaves a doubt of everything: it must not pass for those of single tables and keys. */
async function expectDoubts(cell: Cell, owed: readonly OwedDoubt[]): Promise<void> {
  for (const { table, reason } of owed) {
    const alike = owed.filter((doubt) => doubt.table === table && doubt.reason === reason);
    const keys = new Set(alike.map(({ key }) => key));
    const noted = await stage.metric('understudy_journal_keys', cell, { table, reason });
    expect(noted, `keys in doubt of ${table}, ${reason}`).toBeGreaterThanOrEqual(keys.size);
  }
}

function seenIn(lines: readonly StepLine[], step: string): Readonly<Record<string, unknown>> {
  const line = lines.find((each) => 'step' in each && each.step === step);
  if (line === undefined) throw new Error(`no line of ${step}`);
  if ('seen' in line) return line.seen;
  throw new Error('fault' in line ? line.fault : step);
}
