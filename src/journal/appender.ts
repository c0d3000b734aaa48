/**
 * Appends to one log, whichever file that is in just now. An append is one system call, of which the statement
 * before it waits; on a disk that takes long for one, those to come are made aside until it is quick again. Not
 * before the disk itself says that they may be missing there: who is killed meanwhile could not tell of it.
 */
import { messageOf } from '../base/errors.ts';
import type { Disk } from './disk.ts';

export interface AppenderOptions {
  readonly disk: Disk;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** An append that takes longer shows a slow disk. */
  readonly slowMs: number;
  /** What may wait for a slow disk. */
  readonly backlogBytesMax: number;
  /** An append took so many seconds. */
  took(seconds: number): void;
  /** The disk has become slow: until `caughtUp` what is appended may not be on it yet, once a `probe` has said so there. */
  slowed(seconds: number): void;
  /** Asks the disk, where nothing waits for it, for something as small as an append: behind `slowed`, to keep that it is slow. */
  probe(): Promise<void>;
  caughtUp(): void;
  /** Nothing can be appended until `use` gives another file. Called once for each. */
  failed(reason: string): void;
}

/** Quick again: an append aside took less than this part of `slowMs`. */
const QUICK_PART = 5;

/** `slowing`: the disk may be slow, and does not say so yet. */
type State = 'closed' | 'quick' | 'slowing' | 'slow' | 'failed';

export class Appender {
  readonly #options: AppenderOptions;
  #fd = -1;
  #state: State = 'closed';
  #backlog: Buffer[] = [];
  #backlogBytes = 0;
  /** Counts the files, so that what was begun for one is not taken for another. */
  #turn = 0;
  /** Bytes of the file that were appended, without what waits. */
  #onDisk = 0;
  #appends = 0;
  #atMs = 0;

  constructor(options: AppenderOptions) {
    this.#options = options;
  }

  get state(): State {
    return this.#state;
  }

  /** When the last append had ended. */
  get atMs(): number {
    return this.#atMs;
  }

  get appends(): number {
    return this.#appends;
  }

  /** Bytes of the file in use that were appended through this. */
  get onDisk(): number {
    return this.#onDisk;
  }

  /** Work goes on beside the appends, and in the file that it was begun for. */
  get isSlow(): boolean {
    return this.#state === 'slowing' || this.#state === 'slow';
  }

  /** From now on into this file, `bytes` of which are there. Not to be called while `isSlow`. */
  use(fd: number, bytes: number): void {
    this.#fd = fd;
    this.#turn += 1;
    this.#state = 'quick';
    this.#onDisk = bytes;
    this.#drop();
  }

  /** What waits is dropped. */
  close(): void {
    this.#state = 'closed';
    this.#turn += 1;
    this.#drop();
  }

  /** Answers false where the bytes are lost. Never throws. */
  append(bytes: Buffer, length: number): boolean {
    if (this.#state === 'quick' || this.#state === 'slowing') return this.#appendNow(bytes, length);
    if (this.#state === 'slow') return this.#appendLater(bytes, length);
    return false;
  }

  #appendNow(bytes: Buffer, length: number): boolean {
    const { disk, now, slowMs, took } = this.#options;
    const startMs = now();
    try {
      disk.appendSync(this.#fd, bytes, length);
    } catch (error) {
      this.#fail(messageOf(error));
      return false;
    }
    this.#atMs = now();
    const seconds = (this.#atMs - startMs) / 1000;
    this.#onDisk += length;
    this.#appends += 1;
    took(seconds);
    if (seconds * 1000 >= slowMs && this.#state === 'quick') {
      this.#state = 'slowing';
      void this.#look(this.#turn, seconds);
    }
    return true;
  }

  #appendLater(bytes: Buffer, length: number): boolean {
    if (this.#backlogBytes + length > this.#options.backlogBytesMax) {
      this.#fail(`${this.#backlogBytes} bytes wait for a slow disk`);
      return false;
    }
    this.#backlog.push(Buffer.from(bytes.subarray(0, length)));
    this.#backlogBytes += length;
    return true;
  }

  /** An append took long: of the disk, or of a machine that had no time for us; `seconds`: it took so long. */
  async #look(turn: number, seconds: number): Promise<void> {
    const again = await this.#round(turn);
    if (again === null) return;
    if (again * 1000 < this.#options.slowMs) {
      this.#state = 'quick';
      return;
    }
    this.#options.slowed(seconds);
    await this.#work(turn);
  }

  /** One append at a time, of all that has come meanwhile, until one was quick and nothing has. */
  async #work(turn: number): Promise<void> {
    const { slowMs, caughtUp } = this.#options;
    for (;;) {
      const seconds = await this.#round(turn);
      if (seconds === null) return;
      if (this.#backlogBytes === 0 && seconds * 1000 < slowMs / QUICK_PART) break;
      // The first round had nothing to append.
      this.#state = 'slow';
    }
    this.#state = 'quick';
    caughtUp();
  }

  /** Appends what waits, or asks for as much; the seconds that it took, or null where there is nothing more to do here. */
  async #round(turn: number): Promise<number | null> {
    const { disk, now, took, probe } = this.#options;
    const bytes = Buffer.concat(this.#backlog);
    this.#drop();
    const startMs = now();
    try {
      await (bytes.length === 0 ? probe() : disk.append(this.#fd, bytes));
    } catch (error) {
      if (turn === this.#turn) this.#fail(messageOf(error));
      return null;
    }
    if (turn !== this.#turn) return null;
    const seconds = (now() - startMs) / 1000;
    if (bytes.length > 0) {
      this.#onDisk += bytes.length;
      this.#appends += 1;
      took(seconds);
    }
    return seconds;
  }

  #fail(reason: string): void {
    this.#state = 'failed';
    this.#turn += 1;
    this.#drop();
    this.#options.failed(reason);
  }

  #drop(): void {
    this.#backlog = [];
    this.#backlogBytes = 0;
  }
}
