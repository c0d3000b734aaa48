/** How busy a server is, looked at once in a while for all that ask. */
import { messageOf } from '../base/errors.ts';
import { type ReplicationState, replicationState } from './replication-state.ts';
import type { SyncServer } from './sync-server.ts';

export interface LoadLimits {
  readonly maxLagMs: number;
  readonly maxThreadsRunning: number;
}

export type LoadedServer = Pick<SyncServer, 'name' | 'role' | 'kind' | 'rows'>;

export interface ServerLoadOptions {
  readonly server: LoadedServer;
  readonly limits: LoadLimits;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** The account may not see how far the replica is: its lag holds nothing up. Called once. */
  readonly blind: (server: string, reason: string) => void;
}

const FOLLOWS_NOBODY =
  'it follows no primary that it knows of; where it is no replica, what it lacks is taken for what its primary lacks';
/** A reading is good for so long. */
const FRESH_MS = 1000;

export class ServerLoad {
  readonly #options: ServerLoadOptions;
  #readAtMs = Number.NEGATIVE_INFINITY;
  #reading: Promise<string | null> | null = null;
  #busy: string | null = null;
  #isBlind = false;

  constructor(options: ServerLoadOptions) {
    this.#options = options;
  }

  /** Why the server is to be left alone just now, as a sentence; null: it may be asked. Never rejects. */
  busy(): Promise<string | null> {
    const { now } = this.#options;
    if (now() - this.#readAtMs < FRESH_MS) return Promise.resolve(this.#busy);
    this.#reading ??= this.#read().finally(() => {
      this.#reading = null;
      this.#readAtMs = now();
    });
    return this.#reading;
  }

  async #read(): Promise<string | null> {
    const { server, limits } = this.#options;
    try {
      this.#busy = (await this.#threads(limits)) ?? (await this.#lag(limits));
    } catch (error) {
      this.#busy = `${server.name} can’t say how busy it is: ${messageOf(error)}`;
    }
    return this.#busy;
  }

  async #threads({ maxThreadsRunning }: LoadLimits): Promise<string | null> {
    const { server } = this.#options;
    const [row] = await server.rows("SHOW GLOBAL STATUS LIKE 'Threads_running'");
    const running = Number(row?.[1] ?? 0);
    return running > maxThreadsRunning
      ? `${server.name} has ${running} threads running, more than ${maxThreadsRunning}`
      : null;
  }

  async #lag({ maxLagMs }: LoadLimits): Promise<string | null> {
    const { server } = this.#options;
    if (server.role === 'primary') return null;
    const state = await replicationState(server);
    if (!this.#isBlind && (state.type === 'unknown' || state.type === 'none')) {
      this.#isBlind = true;
      this.#options.blind(server.name, state.type === 'unknown' ? state.reason : FOLLOWS_NOBODY);
    }
    return lagText(server.name, state, maxLagMs);
  }
}

function lagText(name: string, state: ReplicationState, maxLagMs: number): string | null {
  if (state.type === 'stopped') return `${name} does not replicate: ${state.why}`;
  if (state.type !== 'running' || state.lagSeconds * 1000 <= maxLagMs) return null;
  return `${name} is ${state.lagSeconds} s behind, more than ${maxLagMs / 1000} s`;
}
