/**
 * A shard's own state beside its logs: which journal it is, how often it was opened, and whether a full pass is
 * owed. Two places of one small file that are written in turn, over what is there: so the state can be told on a
 * disk without room, and one of the two is good at any moment.
 */
import { join } from 'node:path';
import { z } from 'zod';
import type { Disk } from './disk.ts';
import { FRAME_HEAD_BYTES, frameEnd, frameOf } from './frame.ts';
import { checkVersion, FORMAT_VERSION } from './segment-header.ts';

const MAGIC = Buffer.from('UNDSTST\n');
const SLOT_BYTES = 1024;
const REASON_LENGTH_MAX = 200;

const stateSchema = z.object({
  /** Counts the writes of the state. */
  turn: z.number(),
  incarnation: z.string(),
  /** Counts the starts. */
  generation: z.number(),
  /** Counts the losses. */
  epoch: z.number(),
  reset: z
    .object({
      reason: z.string(),
      /** Milliseconds since 1970. */
      atMs: z.number(),
      /** Readers that stand before this note's number may have missed what was lost. */
      number: z.number(),
    })
    .nullable(),
  /** What was to be appended may not be on disk; what an end of the process leaves so, is lost. */
  exposed: z.boolean(),
});
export type JournalState = z.output<typeof stateSchema>;
export type Reset = NonNullable<JournalState['reset']>;

export class StateFile {
  readonly #disk: Disk;
  readonly #fd: number;
  #turn: number;

  private constructor(disk: Disk, fd: number, turn: number) {
    this.#disk = disk;
    this.#fd = fd;
    this.#turn = turn;
  }

  /**
   * Opens the file, and makes it where there is none; the state in it, or null where there is none or it is
   * damaged. Rejects with UsageError for another version's, else with the disk's errors.
   */
  static async open(disk: Disk, directory: string): Promise<{ file: StateFile; state: JournalState | null }> {
    const path = join(directory, 'state');
    if ((await disk.identity(path)) === null) {
      const made = await disk.create(`${path}.tmp`).catch(async () => {
        await disk.remove(`${path}.tmp`);
        return disk.create(`${path}.tmp`);
      });
      await disk.append(made, Buffer.alloc(2 * SLOT_BYTES));
      await disk.sync(made);
      await disk.close(made);
      await disk.rename(`${path}.tmp`, path);
    }
    const fd = await disk.open(path);
    try {
      const bytes = Buffer.alloc(2 * SLOT_BYTES);
      await disk.read(fd, bytes, 0, bytes.length, 0);
      const states = [readSlot(bytes, 0, path), readSlot(bytes, SLOT_BYTES, path)].filter(
        (state) => state !== null,
      );
      const state = states.sort((left, right) => right.turn - left.turn)[0] ?? null;
      return { file: new StateFile(disk, fd, state?.turn ?? 0), state };
    } catch (error) {
      await disk.close(fd);
      throw error;
    }
  }

  /** Throws the disk's errors. */
  writeSync(state: Omit<JournalState, 'turn'>): void {
    this.#turn += 1;
    this.#disk.writeAtSync(this.#fd, encodeSlot({ ...state, turn: this.#turn }), this.#position());
  }

  async write(state: Omit<JournalState, 'turn'>): Promise<void> {
    this.#turn += 1;
    await this.#disk.writeAt(this.#fd, encodeSlot({ ...state, turn: this.#turn }), this.#position());
  }

  sync(): Promise<void> {
    return this.#disk.sync(this.#fd);
  }

  close(): Promise<void> {
    return this.#disk.close(this.#fd);
  }

  #position(): number {
    return (this.#turn % 2) * SLOT_BYTES;
  }
}

function encodeSlot(state: JournalState): Buffer {
  const reset = state.reset && { ...state.reset, reason: printable(state.reset.reason) };
  const version = Buffer.alloc(4);
  version.writeUInt32LE(FORMAT_VERSION);
  const slot = Buffer.alloc(SLOT_BYTES);
  Buffer.concat([MAGIC, version, frameOf(Buffer.from(JSON.stringify({ ...state, reset })))]).copy(slot);
  return slot;
}

/** Takes as many bytes as it has characters, so that a slot has room for it. */
function printable(reason: string): string {
  return reason.slice(0, REASON_LENGTH_MAX).replace(/[^ -~]|["\\]/g, '?');
}

function readSlot(bytes: Buffer, at: number, path: string): JournalState | null {
  if (!bytes.subarray(at, at + MAGIC.length).equals(MAGIC)) return null;
  checkVersion(bytes.readUInt32LE(at + MAGIC.length), path);
  const start = at + MAGIC.length + 4;
  const end = frameEnd(bytes, start, at + SLOT_BYTES);
  if (typeof end !== 'number') return null;
  try {
    const parsed = stateSchema.safeParse(JSON.parse(bytes.toString('utf8', start + FRAME_HEAD_BYTES, end)));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}
