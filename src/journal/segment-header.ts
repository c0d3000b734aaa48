/** What every file of the journal begins with: magic bytes, the format's version, and a frame that says whose it is. */
import { z } from 'zod';
import { UsageError } from '../base/errors.ts';
import type { Disk } from './disk.ts';
import { FRAME_BYTES_MAX, FRAME_HEAD_BYTES, frameEnd, frameOf } from './frame.ts';

const MAGIC = Buffer.from('UNDSTDJ\n');
/** Of the records and of the state. A version that can't read an earlier one must say how to get on. */
export const FORMAT_VERSION = 1;

const headerSchema = z.object({
  kind: z.enum(['written', 'doubts', 'snapshot']),
  shard: z.string(),
  /** Of the journal as a whole: another one has other numbers. */
  incarnation: z.string(),
  /** The start of a process that made the file. */
  generation: z.number(),
  id: z.number(),
});
export type SegmentHeader = z.output<typeof headerSchema>;

export function encodeHeader(header: SegmentHeader): Buffer {
  const version = Buffer.alloc(4);
  version.writeUInt32LE(FORMAT_VERSION);
  return Buffer.concat([MAGIC, version, frameOf(Buffer.from(JSON.stringify(header)))]);
}

/**
 * The header of a file and where its records begin; null where the file is too short or damaged for one. Throws
 * UsageError where another version wrote it.
 */
export async function readHeader(
  disk: Disk,
  fd: number,
  path: string,
): Promise<{ readonly header: SegmentHeader; readonly end: number } | null> {
  const bytes = Buffer.alloc(FRAME_BYTES_MAX);
  const length = await disk.read(fd, bytes, 0, bytes.length, 0);
  const start = MAGIC.length + 4;
  if (length < start || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) return null;
  checkVersion(bytes.readUInt32LE(MAGIC.length), path);
  const end = frameEnd(bytes, start, length);
  if (typeof end !== 'number') return null;
  const header = headerSchema.safeParse(parseJson(bytes.toString('utf8', start + FRAME_HEAD_BYTES, end)));
  return header.success ? { header: header.data, end } : null;
}

/** Throws UsageError for any version but ours. */
export function checkVersion(version: number, path: string): void {
  if (version === FORMAT_VERSION) return;
  throw new UsageError(
    `journal.directory: ${path} was written in version ${version} of the journal's format, and this program reads ` +
      `version ${FORMAT_VERSION}: run the program that wrote it, or move the folder away and let the sync do a full pass`,
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
