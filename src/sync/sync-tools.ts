/** What the passes of one sync work with: servers, tables and the throttle, put together from its options. */
import type { Config } from '../config/load.ts';
import { AbsentProxy } from './absent-proxy.ts';
import type { MirrorGate } from './group-settling.ts';
import type { HashMethod } from './hash-method.ts';
import type { JournalClient } from './journal-client.ts';
import { OnceByName } from './once-by-name.ts';
import { ProxiesGate } from './proxies-gate.ts';
import { ServerLoad } from './server-load.ts';
import { databaseOf, Servers } from './shard-servers.ts';
import { OLD_TO_NEW, type Side } from './side.ts';
import type { JobPlan } from './sync-job.ts';
import type { SyncListener } from './sync-listener.ts';
import { catchUpBoth, SyncedTables } from './synced-tables.ts';
import { Throttle } from './throttle.ts';

export interface SyncSelection {
  readonly shards: readonly string[];
  /** Null: all of the configuration. */
  readonly tables: readonly string[] | null;
  /** Of the mode `keys`. */
  readonly keys: readonly string[];
}

export interface SyncRunOptions {
  readonly config: Config;
  readonly plan: JobPlan;
  readonly selection: SyncSelection;
  readonly method: HashMethod;
  readonly force: boolean;
  readonly workers: number;
  /** The proxies whose journals and mirrors count. */
  readonly journals: readonly JournalClient[];
  /** Proxies that should be there, and could not be asked: what they have in doubt, and have to replay, is not known. */
  readonly silent: readonly JournalClient[];
  /** One that may be there, and did not answer; null: there can be none but the others. */
  readonly absent: JournalClient | null;
  readonly paused: () => Promise<string | null>;
  readonly told: SyncListener;
  readonly stop: AbortSignal;
}

/** How long a mirror may take to replay what stands before a repair. */
const GATE_TIMEOUT_MS = 30_000;

export class SyncTools {
  readonly tables: SyncedTables;
  readonly throttle: Throttle;
  readonly now = (): number => performance.now();
  readonly #options: SyncRunOptions;
  readonly #servers: Servers;
  readonly #loads = new OnceByName<readonly ServerLoad[]>();
  /** What a proxy has said for one table of a shard holds for its others. */
  readonly #gates = new Map<string, MirrorGate>();
  readonly #absent: AbsentProxy | null;

  /** `took`: a checksum query took so many seconds. */
  constructor(options: SyncRunOptions, took: (side: Side, seconds: number) => void) {
    const { config, plan, method, force, paused, told, stop } = options;
    this.#options = options;
    this.#absent =
      options.absent === null ? null : new AbsentProxy({ journal: options.absent, now: this.now });
    this.#servers = new Servers(config, OLD_TO_NEW);
    this.throttle = new Throttle({
      serversOf: (shard) => this.#loadsOf(shard),
      paused,
      told: (shard, reason) => told.waits(shard, reason),
      stop,
    });
    this.tables = new SyncedTables({
      serversOf: (shard) => this.#servers.of(shard),
      databaseOf: (shard, side) => databaseOf(this.#shard(shard), side) ?? '',
      tables: config.tables,
      direction: OLD_TO_NEW,
      method,
      force,
      repairs: !plan.check,
      gateOf: (shard) => this.#gateOf(shard),
      settings: config.sync,
      took,
      warns: (text) => told.warns(text),
      stop,
    });
  }

  /** The names of those that were asked for. */
  async tablesOf(shard: string): Promise<readonly string[]> {
    const { tables } = this.#options.selection;
    const names = await this.tables.names(shard);
    return tables === null ? names : names.filter((name) => tables.includes(name));
  }

  /** Of all proxies that can be asked by now. */
  async journals(): Promise<readonly JournalClient[]> {
    const { journals, absent } = this.#options;
    const came = absent !== null && (await this.#absent?.isThere()) === true;
    return came ? [...journals, absent] : journals;
  }

  /** What was lost before now is on the replicas by then, if it is on the primaries. */
  async catchUp(shard: string): Promise<void> {
    const { config, told } = this.#options;
    const end = await catchUpBoth(await this.#servers.of(shard), config.sync.catchUpTimeoutMs);
    if (end === 'late') told.warns(`${shard}: a replica has not come to where its primary was`);
    if (end === 'untold') told.warns(`${shard}: a replica does not tell how far it is`);
  }

  /** True once the mirrors have replayed, or noted as a doubt, what was answered by now; false: not in time. */
  replayed(shard: string): Promise<boolean> {
    return this.#gateOf(shard).replayed(this.now());
  }

  close(): void {
    this.#servers.close();
  }

  #shard(name: string) {
    return this.#options.config.shards.find((shard) => shard.name === name)!;
  }

  #gateOf(shard: string): MirrorGate {
    const known = this.#gates.get(shard);
    if (known !== undefined) return known;
    const { journals, silent } = this.#options;
    const absent = this.#absent;
    const gate = new ProxiesGate({
      shard,
      // Beside one that can't be asked nothing is repaired: its mirror may be late all the same.
      proxies: [...journals, ...silent, ...(absent === null ? [] : [absent])].map(
        (proxy) => () => proxy.states(),
      ),
      ...(absent === null ? {} : { anyone: () => absent.isThere() }),
      now: this.now,
      timeoutMs: GATE_TIMEOUT_MS,
    });
    this.#gates.set(shard, gate);
    return gate;
  }

  #loadsOf(shard: string): Promise<readonly ServerLoad[]> {
    return this.#loads.get(shard, () => this.#openLoads(shard));
  }

  async #openLoads(shard: string): Promise<readonly ServerLoad[]> {
    const { config, told } = this.#options;
    const { readers, primaries } = await this.#servers.of(shard);
    const servers = new Set([primaries.old, primaries.new, readers.old, readers.new]);
    return [...servers].map(
      (server) =>
        new ServerLoad({
          server,
          limits: config.sync,
          now: this.now,
          blind: (name, reason) => told.warns(`${name} does not say how far it is behind: ${reason}`),
        }),
    );
  }
}
