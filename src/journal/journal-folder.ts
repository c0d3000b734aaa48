/** A shard's folder as its owner holds it: the lock, the state, and what a start found. */
import type { Disk } from './disk.ts';
import type { DoubtIndex } from './doubt-index.ts';
import { JournalLock } from './lock.ts';
import { recover } from './recovery.ts';
import { type JournalState, StateFile } from './state-file.ts';

export interface FolderFound {
  /** Null: there was none, or it was damaged. */
  readonly state: JournalState | null;
  readonly generation: number;
  /** For doubt logs to come. */
  readonly nextId: number;
  readonly losses: readonly string[];
}

export class JournalFolder {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #shard: string;
  #lock: JournalLock | null = null;
  #state: StateFile | null = null;
  #read: 'not_yet' | 'done' = 'not_yet';
  #recovered: readonly string[] = [];

  constructor({ disk, directory, shard }: { disk: Disk; directory: string; shard: string }) {
    this.#disk = disk;
    this.#directory = directory;
    this.#shard = shard;
  }

  /**
   * Makes the folder where it is missing, takes its lock and opens its state. The first time it reads what is
   * there into the index, and answers what it found; later null. Rejects as `recover` and `JournalLock.take` do.
   */
  async open(index: DoubtIndex): Promise<FolderFound | null> {
    await this.#disk.makeDirectory(this.#directory);
    await this.#keepLock();
    await this.#state?.close().catch(() => {});
    this.#state = null;
    const { file, state } = await StateFile.open(this.#disk, this.#directory);
    this.#state = file;
    if (this.#read === 'done') return null;
    const found = await recover(this.#disk, this.#directory, this.#shard, index);
    this.#read = 'done';
    this.#recovered = found.written;
    const strange = strangeness(state, found.nextId);
    return {
      state,
      generation: found.generation,
      nextId: found.nextId,
      losses: strange === null ? found.losses : [strange, ...found.losses],
    };
  }

  /** The keys of the segments that were found are on disk elsewhere by now. */
  async removeRecovered(): Promise<void> {
    for (const path of this.#recovered) await this.#disk.remove(path);
    this.#recovered = [];
  }

  /** Rejects where the folder or one of the files that are written to is not in its place, or the lock is another's. */
  async check(paths: readonly (string | null)[]): Promise<void> {
    await this.#lock?.beat();
    for (const path of paths) {
      if (path !== null && (await this.#disk.identity(path)) === null) throw new Error(`${path} is gone`);
    }
  }

  /** Throws the disk's errors; nothing happens while the folder is not open. */
  writeStateSync(state: Omit<JournalState, 'turn'>): void {
    this.#state?.writeSync(state);
  }

  async writeState(state: Omit<JournalState, 'turn'>): Promise<void> {
    await this.#state?.write(state);
  }

  async close(): Promise<void> {
    const [state, lock] = [this.#state, this.#lock];
    this.#state = null;
    this.#lock = null;
    await state?.close();
    await lock?.release();
  }

  async #keepLock(): Promise<void> {
    const held = this.#lock;
    if (held !== null) {
      try {
        await held.beat();
        return;
      } catch {
        this.#lock = null;
        await held.abandon();
      }
    }
    this.#lock = await JournalLock.take(this.#disk, this.#directory);
  }
}

/** A state is first written behind the first doubts' files, but where these could not be made: then it says so. */
function strangeness(state: JournalState | null, nextId: number): string | null {
  if (state === null) return nextId > 1 ? 'the state is missing or damaged' : null;
  return nextId > 1 || state.reset !== null ? null : 'the files of the doubts are missing';
}
