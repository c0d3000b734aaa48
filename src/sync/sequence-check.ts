/** Compares a shard's sequences on all of its servers, and looks again before it says that one is behind. */
import { setTimeout as pause } from 'node:timers/promises';
import { messageOf } from '../base/errors.ts';
import { type ReplicationState, replicationState } from './replication-state.ts';
import { PLACES, type Place, type ServerAnswer, type ServerReadings } from './sequence.ts';
import {
  type Answers,
  type ComparedSequence,
  compareSequences,
  faultyPlaces,
  readingsOf,
} from './sequence-comparison.ts';
import { readSequences } from './sequence-queries.ts';
import { type NumberSource, narrowed, type SequenceScope } from './sequence-source.ts';
import type { Behind, Verdict } from './sequence-verdict.ts';

/** The servers of one shard. Opens a connection where it is first asked, and keeps it until `close`. */
export interface SequenceServers {
  /** Those that the configuration has. */
  readonly places: readonly Place[];
  /** Rejects where the server can't be reached. */
  at(place: Place): Promise<NumberSource>;
  close(): Promise<void>;
}

export interface CheckOptions {
  readonly servers: SequenceServers;
  readonly scope: (place: Place) => SequenceScope;
  /** Some tables stay where they are, so that a SEQUENCE may stay too. */
  readonly someStay: boolean;
  /** How long a server is looked at again that seems to be behind. */
  readonly graceMs: number;
}

export interface ShardCheck {
  readonly answers: Answers;
  readonly sequences: readonly ComparedSequence[];
}

const AGAIN_MIN_MS = 100;
const AGAIN_MAX_MS = 2000;

/** Never rejects for what a server does: one that can't be asked is unreachable in the answers. */
export async function checkSequences(options: CheckOptions): Promise<ShardCheck> {
  return new SequenceCheck(options).run();
}

class SequenceCheck {
  readonly #options: CheckOptions;
  readonly #noted = new Map<Place, ServerAnswer>();
  readonly #latest = new Map<Place, ServerAnswer>();
  #startedAtMs = 0;

  constructor(options: CheckOptions) {
    this.#options = options;
  }

  async run(): Promise<ShardCheck> {
    const { places } = this.#options.servers;
    // Who must not be behind is asked after those whose numbers it must have reached: they count on meanwhile.
    for (const place of PLACES.filter((known) => places.includes(known))) {
      this.#noted.set(place, await this.#ask(place, null));
    }
    for (const [place, answer] of this.#noted) this.#latest.set(place, answer);
    this.#startedAtMs = performance.now();
    const sequences = await this.#explained(await this.#settled());
    return { answers: this.#latest, sequences };
  }

  /** What is on its way to a server may just not have come there yet. */
  async #settled(): Promise<ComparedSequence[]> {
    let sequences = this.#compare();
    for (let waitMs = AGAIN_MIN_MS; ; waitMs = Math.min(waitMs * 2, AGAIN_MAX_MS)) {
      const leftMs = this.#options.graceMs - (performance.now() - this.#startedAtMs);
      const doubtful = tablesBehind(sequences);
      if (doubtful.size === 0 || leftMs <= 0) return sequences;
      await pause(Math.min(waitMs, leftMs));
      for (const [place, tables] of doubtful) await this.#askAgain(place, tables);
      sequences = this.#compare();
    }
  }

  async #ask(place: Place, tables: ReadonlySet<string> | null): Promise<ServerAnswer> {
    const { servers, scope } = this.#options;
    const whole = scope(place);
    try {
      const server = await servers.at(place);
      return await readSequences(server, place, tables === null ? whole : narrowed(whole, tables));
    } catch (error) {
      return { type: 'unreachable', reason: messageOf(error), error };
    }
  }

  async #askAgain(place: Place, tables: ReadonlySet<string>): Promise<void> {
    const before = readingsOf(this.#latest.get(place));
    const again = await this.#ask(place, tables);
    this.#latest.set(
      place,
      before === null || again.type === 'unreachable' ? again : joined(before, again, tables),
    );
  }

  #compare(): ComparedSequence[] {
    const { someStay } = this.#options;
    return compareSequences({ latest: this.#latest, noted: this.#noted, someStay });
  }

  /** A replica that is behind may say why, and that it will not stay so. */
  async #explained(sequences: readonly ComparedSequence[]): Promise<ComparedSequence[]> {
    const states = new Map<Place, ReplicationState>();
    const waitedSeconds = (performance.now() - this.#startedAtMs) / 1000;
    for (const place of tablesBehind(sequences).keys()) {
      if (place.endsWith('_replica')) states.set(place, await this.#replication(place));
    }
    return sequences.map((compared) => {
      const verdicts: Partial<Record<Place, Verdict>> = { ...compared.verdicts };
      for (const [place, state] of states) {
        const verdict = verdicts[place];
        if (verdict?.type === 'behind') verdicts[place] = explain(verdict, state, waitedSeconds);
      }
      return { ...compared, verdicts };
    });
  }

  async #replication(place: Place): Promise<ReplicationState> {
    try {
      return await replicationState(await this.#options.servers.at(place));
    } catch (error) {
      return { type: 'unknown', reason: messageOf(error) };
    }
  }
}

/** The tables in which looking again may change something, by server. */
function tablesBehind(sequences: readonly ComparedSequence[]): ReadonlyMap<Place, ReadonlySet<string>> {
  const tables = new Map<Place, Set<string>>();
  for (const compared of sequences) {
    for (const place of faultyPlaces(compared)) {
      const type = compared.verdicts[place]?.type;
      if (type !== 'behind' && type !== 'missing') continue;
      tables.set(place, (tables.get(place) ?? new Set()).add(compared.sequence.table));
    }
  }
  return tables;
}

function joined(before: ServerReadings, again: ServerReadings, tables: ReadonlySet<string>): ServerReadings {
  const untouched = [...before.sequences].filter(([, { sequence }]) => !tables.has(sequence.table));
  return { ...before, sequences: new Map([...untouched, ...again.sequences]) };
}

/** Pure. `waitedSeconds`: since its primary's numbers were noted. */
export function explain(behind: Behind, state: ReplicationState, waitedSeconds: number): Verdict {
  switch (state.type) {
    case 'none':
      return { ...behind, why: 'it follows no server' };
    case 'stopped':
      return { ...behind, why: state.why };
    case 'unknown':
      return { ...behind, why: `how far its replication is can't be asked (${state.reason})` };
    default:
      if (state.lagSeconds > waitedSeconds)
        return { type: 'lagging', by: behind.by, of: behind.of, lagSeconds: state.lagSeconds };
      return {
        ...behind,
        why: `its replication runs, ${state.lagSeconds} s behind, and has not brought them`,
      };
  }
}
