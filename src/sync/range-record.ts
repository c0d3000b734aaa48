/** The work of a range in JSON, as it is kept in a file or in etcd. */
import { z } from 'zod';
import type { SyncRange } from './range-queue.ts';
import type { Value } from './value.ts';

/** A key of bytes; left out: an open end. */
const valueSchema = z
  .union([z.string(), z.null(), z.strictObject({ base64: z.string() })])
  .transform((value): Value => (isBytes(value) ? Buffer.from(value.base64, 'base64') : value));

/** Reads what `writtenRange` gave. */
export const syncRangeSchema = z
  .strictObject({
    shard: z.string(),
    table: z.string(),
    way: z.enum(['both', 'old', 'new']),
    range: z.strictObject({ after: valueSchema.optional(), through: valueSchema.optional() }),
  })
  .transform(
    ({ range, ...rest }): SyncRange => ({ ...rest, range: { after: range.after, through: range.through } }),
  );

/** Fit for JSON. */
export function writtenRange({ range, ...rest }: SyncRange): unknown {
  return { ...rest, range: { after: encoded(range.after), through: encoded(range.through) } };
}

function encoded(value: Value | undefined): string | null | { base64: string } | undefined {
  return Buffer.isBuffer(value) ? { base64: value.toString('base64') } : (value as string | null | undefined);
}

function isBytes(value: string | null | { base64: string }): value is { base64: string } {
  return typeof value === 'object' && value !== null;
}
