/**
 * The doubts on disk: a snapshot of the index, and behind it a log of what changed since, each record with what
 * is outstanding afterwards. So a snapshot may be written a piece at a time while the log goes on: what the log
 * says of a key stands above it.
 */
import { join } from 'node:path';
import type { Appender } from './appender.ts';
import type { Disk } from './disk.ts';
import type { DoubtEntry, DoubtIndex } from './doubt-index.ts';
import { FrameWriter } from './frame-writer.ts';
import { encodeHeader } from './segment-header.ts';

export interface DoubtLogOptions {
  readonly disk: Disk;
  readonly directory: string;
  readonly index: DoubtIndex;
  readonly appender: Appender;
  readonly identity: () => {
    readonly shard: string;
    readonly incarnation: string;
    readonly generation: number;
  };
  /** Of snapshots and logs together; the index is bounded to a quarter of it. */
  readonly bytesMax: number;
}

/** A log is not worth a snapshot before it has so many bytes. */
const SNAPSHOT_AFTER_BYTES = 256 * 1024;

interface LogFile {
  readonly path: string;
  readonly fd: number;
}

export class DoubtLog {
  readonly #options: DoubtLogOptions;
  readonly #frame = new FrameWriter();
  #log: LogFile | null = null;
  #logBytes = 0;
  #snapshotBytes = 0;
  /** Of the files that a snapshot under way makes needless. */
  #oldBytes = 0;
  #nextId = 1;
  #turnEnd: 'none' | 'awaited' = 'none';

  constructor(options: DoubtLogOptions) {
    this.#options = options;
  }

  get bytes(): number {
    return this.#logBytes + this.#snapshotBytes + this.#oldBytes;
  }

  get fd(): number | null {
    return this.#log?.fd ?? null;
  }

  get currentPath(): string | null {
    return this.#log?.path ?? null;
  }

  get wantsSnapshot(): boolean {
    return this.#logBytes > Math.max(SNAPSHOT_AFTER_BYTES, this.#options.index.bytes);
  }

  get overfull(): boolean {
    return this.bytes > this.#options.bytesMax;
  }

  /** Files found at the start have lower numbers than those to come. */
  begin(nextId: number): void {
    this.#nextId = nextId;
  }

  /** What is outstanding of an entry now; on disk at the end of the turn. */
  changed({ group, key, count, number }: DoubtEntry): void {
    if (!this.#frame.fits(group.table, key)) this.flush();
    this.#frame.entry(group.table, group.reason, key, count, number);
    this.#flushLater();
  }

  lost(through: number): void {
    if (!this.#frame.fits('', null)) this.flush();
    this.#frame.lost(through);
    this.#flushLater();
  }

  /** Appends what was not yet. Never throws. */
  flush(): void {
    if (this.#frame.empty) return;
    const length = this.#frame.seal();
    if (this.#options.appender.append(this.#frame.bytes, length)) this.#logBytes += length;
    this.#frame.clear();
  }

  /**
   * Begins a new log, writes the index as the snapshot before it, and removes what came before both. Rejects
   * with the disk's errors; what was there is good then.
   */
  async snapshot(): Promise<void> {
    const { disk, directory, appender } = this.#options;
    const id = this.#nextId;
    this.#nextId += 1;
    const old = this.#log;
    await this.#beginLog(id, appender);
    if (old !== null) await disk.close(old.fd).catch(() => {});
    const path = join(directory, `doubts-${id}.snapshot`);
    const bytes = await this.#writeIndex(`${path}.tmp`, id);
    await disk.rename(`${path}.tmp`, path);
    await disk.syncDirectory(directory);
    await removeDoubtsBefore(disk, directory, id);
    this.#snapshotBytes = bytes;
    this.#oldBytes = 0;
  }

  /** The log's last bytes are on the medium when it resolves. */
  async sync(): Promise<void> {
    this.flush();
    if (this.#log !== null) await this.#options.disk.sync(this.#log.fd);
  }

  async close(): Promise<void> {
    const log = this.#log;
    this.#log = null;
    if (log !== null) await this.#options.disk.close(log.fd);
  }

  async #beginLog(id: number, appender: Appender): Promise<void> {
    const { disk, directory, identity } = this.#options;
    const path = join(directory, `doubts-${id}.log`);
    const header = encodeHeader({ kind: 'doubts', ...identity(), id });
    await disk.remove(path);
    const fd = await disk.create(path);
    try {
      await disk.append(fd, header);
      if (appender.isSlow) throw new Error('the disk is slow');
    } catch (error) {
      await disk.close(fd);
      await disk.remove(path).catch(() => {});
      throw error;
    }
    // What waits for the end of the turn belongs to the old log; the snapshot has it in any case.
    this.flush();
    appender.use(fd, header.length);
    this.#oldBytes += this.#logBytes + this.#snapshotBytes;
    this.#snapshotBytes = 0;
    this.#logBytes = header.length;
    this.#log = { path, fd };
  }

  /** Each piece waits for the disk, so that other work has its turn. */
  async #writeIndex(path: string, id: number): Promise<number> {
    const { disk, index, identity } = this.#options;
    await disk.remove(path);
    const fd = await disk.create(path);
    try {
      const header = encodeHeader({ kind: 'snapshot', ...identity(), id });
      await disk.append(fd, header);
      let bytes = header.length;
      const frame = new FrameWriter();
      const write = async (): Promise<void> => {
        const length = frame.seal();
        await disk.append(fd, frame.bytes.subarray(0, length));
        bytes += length;
        frame.clear();
      };
      for (const { group, key, count, number } of index.entries()) {
        if (!frame.fits(group.table, key)) await write();
        frame.entry(group.table, group.reason, key, count, number);
      }
      if (!frame.fits('', null)) await write();
      frame.end(index.next);
      await write();
      await disk.sync(fd);
      return bytes;
    } finally {
      await disk.close(fd);
    }
  }

  #flushLater(): void {
    if (this.#turnEnd === 'awaited') return;
    this.#turnEnd = 'awaited';
    setImmediate(() => {
      this.#turnEnd = 'none';
      this.flush();
    });
  }
}

export const DOUBTS_FILE = /^doubts-([0-9]+)\.(log|snapshot|snapshot\.tmp)$/;

async function removeDoubtsBefore(disk: Disk, directory: string, id: number): Promise<void> {
  for (const name of await disk.list(directory)) {
    const match = DOUBTS_FILE.exec(name);
    if (match !== null && Number(match[1]) < id) await disk.remove(join(directory, name));
  }
}
