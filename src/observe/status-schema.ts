/** The form of a shard's status, for those who get it from another process. */
import { z } from 'zod';
import type { ShardStatus } from './status.ts';

const counts = z.record(z.string(), z.number());

const difference = z.object({
  table: z.string(),
  column: z.string().nullable(),
  old: z.string(),
  new: z.string(),
  follows: z.string(),
});

export const shardStatusSchema: z.ZodType<ShardStatus> = z.object({
  name: z.string(),
  listen: z.string(),
  old: z.string(),
  new: z.string(),
  ratios: z.object({ reads: z.number(), writes: z.number(), deletes: z.number() }),
  connections: z.number(),
  shadow: z.object({
    state: z.enum(['up', 'down', 'recovering', 'idle']),
    since: z.string(),
    lastError: z.string().nullable(),
    // A proxy of an earlier version, in the middle of a rollout, does not tell it.
    lastErrorAt: z.string().nullable().default(null),
  }),
  queue: z.object({ statements: z.number(), bytes: z.number() }),
  lagSeconds: z.number(),
  // As above.
  schema: z
    .object({
      known: z.boolean(),
      missing: z.array(z.string()),
      newKnown: z.boolean().default(true),
      differences: z.array(difference).default([]),
      differencesInAll: z.number().default(0),
    })
    .default({ known: true, missing: [], newKnown: true, differences: [], differencesInAll: 0 }),
  journal: z.object({
    keys: z.number(),
    reset: z.boolean(),
    byReason: counts,
    // A proxy of an earlier version tells none of these.
    bytes: z.number().default(0),
    pending: z.number().default(0),
    resetReason: z.string().nullable().default(null),
    epoch: z.number().default(0),
    failing: z.string().nullable().default(null),
  }),
  outcomes: counts,
  mismatches: counts,
  latestMismatches: z.array(
    z.object({
      at: z.string(),
      kind: z.string(),
      reason: z.string(),
      digestId: z.string(),
      digest: z.string(),
      detail: z.string(),
    }),
  ),
  // A proxy of an earlier version does not tell them.
  doubtCauses: z.array(z.object({ reason: z.string(), digest: z.string(), count: z.number() })).default([]),
  straddles: z.array(z.object({ digest: z.string(), count: z.number() })),
});
