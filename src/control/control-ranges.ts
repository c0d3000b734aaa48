/** The keys that are read and watched for the live settings: all under the prefix but the sync's jobs. */
import { Range } from 'etcd3';
import { syncJobsPrefix } from './control-keys.ts';

/** From `key`, up to and without `range_end`. */
export interface KeySpan {
  readonly key: Buffer;
  readonly range_end: Buffer;
}

export function controlRanges(prefix: string): readonly KeySpan[] {
  const [all, jobs] = [spanOf(prefix), spanOf(syncJobsPrefix(prefix))];
  return [
    { key: all.key, range_end: jobs.key },
    { key: jobs.range_end, range_end: all.range_end },
  ];
}

/** All keys that begin with `prefix`. */
export function spanOf(prefix: string): KeySpan {
  const { start, end } = Range.prefix(prefix);
  return { key: Buffer.from(start), range_end: Buffer.from(end) };
}
