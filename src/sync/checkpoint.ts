/** Where a sync without etcd is, in a file: a process that is killed goes on from there when it is started again. */
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { messageOf, UsageError } from '../base/errors.ts';
import type { PassRecord } from './memory-range-queue.ts';
import { rangeOutcomeSchema } from './range-outcome.ts';
import { syncRangeSchema, writtenRange } from './range-record.ts';

export interface Checkpoint {
  /** What the sync was told to do: another one does not go on from it. */
  readonly job: string;
  /** Number of the full pass. */
  readonly pass: number;
  readonly record: PassRecord;
}

const VERSION = 2;
/** Writes at most so often. */
const EVERY_MS = 1000;

const checkpointSchema = z.strictObject({
  version: z.literal(VERSION),
  job: z.string(),
  pass: z.number().int().min(1),
  record: z.strictObject({
    ranges: z.array(
      z.strictObject({
        work: syncRangeSchema,
        done: z.boolean(),
      }),
    ),
    outcome: rangeOutcomeSchema,
  }),
});

export class CheckpointFile {
  readonly #file: string;
  readonly #failed: (reason: string) => void;
  #pending: (() => Checkpoint) | null = null;
  #writing: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | null = null;

  /** `failed`: where the sync is could not be written down; it goes on all the same. */
  constructor(file: string, failed: (reason: string) => void = () => {}) {
    this.#file = file;
    this.#failed = failed;
  }

  /** Null: there is none, or it is of another job. Throws UsageError where the file is none of a sync's. */
  async read(job: string): Promise<Checkpoint | null> {
    let text: string;
    try {
      text = await readFile(this.#file, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw new UsageError(`${this.#file}: the sync's checkpoint can't be read: ${messageOf(error)}`);
    }
    const found = parse(text);
    if (found === null)
      throw new UsageError(
        `${this.#file}: is no checkpoint of a sync of this version; remove it to begin anew`,
      );
    return found.job === job ? found : null;
  }

  /** `checkpoint` is asked when it is written: soon, and not more than once a second. */
  changed(checkpoint: () => Checkpoint): void {
    this.#pending = checkpoint;
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      void this.flush();
    }, EVERY_MS);
  }

  /** What has changed is in the file when it resolves, unless the disk does not take it. */
  flush(): Promise<void> {
    const pending = this.#pending;
    this.#pending = null;
    if (pending !== null)
      this.#writing = this.#writing
        .then(() => this.#write(pending()))
        .catch((error: unknown) => this.#failed(messageOf(error)));
    return this.#writing;
  }

  /** The job is done: nothing is to be gone on from. */
  async remove(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#pending = null;
    await this.#writing;
    await rm(this.#file, { force: true });
  }

  async #write({ job, pass, record }: Checkpoint): Promise<void> {
    const ranges = record.ranges.map(({ work, done }) => ({ work: writtenRange(work), done }));
    await mkdir(dirname(this.#file), { recursive: true });
    await writeFile(
      `${this.#file}.tmp`,
      JSON.stringify({ version: VERSION, job, pass, record: { ranges, outcome: record.outcome } }),
    );
    await rename(`${this.#file}.tmp`, this.#file);
  }
}

function parse(text: string): Checkpoint | null {
  try {
    const { job, pass, record } = checkpointSchema.parse(JSON.parse(text));
    return { job, pass, record };
  } catch {
    return null;
  }
}
