/** What a proxy says about itself in etcd, under `<prefix>proxies/<id>`. */
import { z } from 'zod';
import type { Ratios } from '../config/ratios.ts';

export interface ProxyRecord {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  /** Base URL of its admin HTTP. */
  readonly admin: string;
  /** ISO time. */
  readonly startedAt: string;
  /** The ratios it has applied, by shard. */
  readonly shards: Readonly<Record<string, Ratios>>;
  readonly revision: number;
  /** ISO time. */
  readonly appliedAt: string;
  readonly source: 'etcd' | 'file';
}

const recordSchema: z.ZodType<ProxyRecord> = z.object({
  id: z.string(),
  host: z.string(),
  pid: z.number(),
  version: z.string(),
  admin: z.url({ protocol: /^https?$/ }),
  startedAt: z.string(),
  shards: z.record(z.string(), z.object({ reads: z.number(), writes: z.number(), deletes: z.number() })),
  revision: z.number(),
  appliedAt: z.string(),
  source: z.enum(['etcd', 'file']),
});

/** Undefined for text that is no record: another version's, or written by hand. */
export function parseProxyRecord(text: string): ProxyRecord | undefined {
  try {
    const result = recordSchema.safeParse(JSON.parse(text));
    return result.success ? result.data : undefined;
  } catch {
    return undefined;
  }
}
