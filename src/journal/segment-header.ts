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

export interface HeaderFound {
  readonly header: SegmentHeader;
  readonly end: number;
}

/** More than any takes: a length beyond it is damage. */
const HEADER_BYTES_MAX = 512;

export function encodeHeader(header: SegmentHeader): Buffer {
  const version = Buffer.alloc(4);
  version.writeUInt32LE(FORMAT_VERSION);
  return Buffer.concat([MAGIC, version, frameOf(Buffer.from(JSON.stringify(header)))]);
}

/**
 * The header of a file and where its records begin. `unmade`: the file ends in it, or holds zeros alone, as one that
 * was being made when the process or the machine stopped. Throws UsageError where another version wrote it.
 */
export async function readHeader(
  disk: Disk,
  fd: number,
  path: string,
): Promise<HeaderFound | 'unmade' | 'damaged'> {
  const bytes = Buffer.alloc(FRAME_BYTES_MAX);
  const length = await disk.read(fd, bytes, 0, bytes.length, 0);
  if (bytes.subarray(0, length).every((byte) => byte === 0)) return 'unmade';
  const magic = Math.min(length, MAGIC.length);
  if (!bytes.subarray(0, magic).equals(MAGIC.subarray(0, magic))) return 'damaged';
  const start = MAGIC.length + 4;
  if (length < start) return 'unmade';
  checkVersion(bytes.readUInt32LE(MAGIC.length), path);
  const end = frameEnd(bytes, start, length);
  if (end === 'more') return length < HEADER_BYTES_MAX ? 'unmade' : 'damaged';
  if (end === 'broken') return 'damaged';
  const header = headerSchema.safeParse(parseJson(bytes.toString('utf8', start + FRAME_HEAD_BYTES, end)));
  return header.success ? { header: header.data, end } : 'damaged';
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
