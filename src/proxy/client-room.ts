/**
 * Room for the clients of one process, as its limit of open files has it: two for each client, beside what the
 * process needs for itself. Without it clients could take every file, and then nothing of ours opens any more:
 * no answer on the admin port, no lane to the shadow.
 */
import { UsageError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';

export interface ClientRoomOptions {
  /** Files that the process may have open; Infinity: as many as it likes. */
  readonly filesMax: number;
  /** Shards of the process. */
  readonly shards: number;
  /** Clients that the configuration allows each of them. */
  readonly clientsMax: number;
  /** Connections to the shadow, a shard. */
  readonly lanes: number;
  readonly log: Log;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
}

/** One towards the client and one towards the old server. */
export const FILES_A_CLIENT = 2;
/** Node's own, its modules while they are loaded, the log, the admin port and its clients, etcd, the supervisor. */
const FILES_OF_A_PROCESS = 192;
/** Its listener, its journal, what reads the schema, what ends a query for each lane, clients that are just being refused. */
const FILES_OF_A_SHARD = 24;
const LOGGED_EVERY_MS = 60_000;

/** Files that a process needs for itself, whatever its clients take. */
export function filesOfItsOwn(shards: number, lanes: number): number {
  return FILES_OF_A_PROCESS + shards * (FILES_OF_A_SHARD + lanes);
}

/** A shard's part of the room. */
export interface ShardRoom {
  /** Whether one more client fits. `clients` is how many the shard has. */
  fits(clients: number): boolean;
  /** One was refused for want of room. */
  refused(): void;
}

export class ClientRoom {
  readonly #options: ClientRoomOptions;
  /** Clients that the limit leaves room for, those of all shards together. */
  readonly clientsMax: number;
  /** What each shard has for itself, however many clients the others have. */
  readonly #kept: number;
  readonly #sizes: (() => number)[] = [];
  #loggedAtMs = Number.NEGATIVE_INFINITY;
  #refusedSince = 0;

  /** Throws UsageError where the limit leaves no room for a client of each shard. */
  constructor(options: ClientRoomOptions) {
    const { filesMax, shards, lanes, clientsMax } = options;
    this.#options = options;
    const wanted = shards * clientsMax;
    const own = filesOfItsOwn(shards, lanes);
    const room = Math.floor((filesMax - own) / FILES_A_CLIENT);
    if (room < shards)
      throw new UsageError(
        `the limit of open files is ${filesMax}, and this process needs ${own} and ${FILES_A_CLIENT} for each client: ${remedy(own + FILES_A_CLIENT * wanted)}`,
      );
    this.clientsMax = Math.min(wanted, room);
    // The other half goes to whoever comes first: shards are seldom loaded alike.
    this.#kept = Math.max(1, Math.floor(this.clientsMax / shards / 2));
  }

  /** Tells where the configuration asks for more clients than there is room for. */
  warn(): void {
    const { shards, clientsMax, filesMax, lanes, log } = this.#options;
    const wanted = shards * clientsMax;
    if (this.clientsMax >= wanted) return;
    log.warn(
      { openFilesMax: filesMax, clientsMax: this.clientsMax, wanted },
      `maxConnections can’t be reached with this limit of open files: ${remedy(filesOfItsOwn(shards, lanes) + FILES_A_CLIENT * wanted)}`,
    );
  }

  /** To be called once for each shard; `size` answers how many clients it has. */
  share(size: () => number): ShardRoom {
    this.#sizes.push(size);
    return { fits: (clients) => this.#fits(clients), refused: () => this.#refused() };
  }

  /** Each shard may fill what is kept for it, and beyond that what is left of the common half. */
  #fits(clients: number): boolean {
    const { shards, clientsMax } = this.#options;
    if (clients < this.#kept || this.clientsMax >= shards * clientsMax) return true;
    const common = this.clientsMax - this.#kept * shards;
    return this.#sizes.reduce((sum, size) => sum + Math.max(0, size() - this.#kept), 0) < common;
  }

  #refused(): void {
    const { filesMax, log, now } = this.#options;
    this.#refusedSince += 1;
    if (now() - this.#loggedAtMs < LOGGED_EVERY_MS) return;
    log.warn(
      { openFilesMax: filesMax, clientsMax: this.clientsMax, refused: this.#refusedSince },
      'clients are refused: the limit of open files leaves no room for more',
    );
    this.#loggedAtMs = now();
    this.#refusedSince = 0;
  }
}

function remedy(filesWanted: number): string {
  return `set it to ${filesWanted} or more (LimitNOFILE= of the systemd unit, nofile of a container, ulimit -n in a shell), or lower maxConnections`;
}
