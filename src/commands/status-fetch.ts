/** Asks a proxy for its status. */
import { z } from 'zod';
import { type Asked, askProxy, type ProxyAddress } from '../observe/admin-fetch.ts';
import { type StatusReport, WORKER_STATES } from '../observe/status.ts';
import { shardStatusSchema } from '../observe/status-schema.ts';

export type ProxyStatus = Asked<StatusReport>;

const reportSchema: z.ZodType<StatusReport> = z.object({
  id: z.string(),
  service: z.string(),
  version: z.string(),
  pid: z.number(),
  startedAt: z.string(),
  draining: z.boolean(),
  phase: z.literal('mirroring'),
  control: z.object({
    source: z.enum(['etcd', 'file']),
    connected: z.boolean(),
    revision: z.number(),
    appliedAt: z.string(),
  }),
  workers: z
    .array(
      z.object({
        worker: z.number(),
        pid: z.number().nullable(),
        state: z.enum(WORKER_STATES),
        since: z.string(),
        restarts: z.number(),
        shards: z.array(z.string()),
      }),
    )
    // A proxy of an earlier version, in the middle of a rollout, has none to tell of.
    .default([]),
  shards: z.array(shardStatusSchema),
});

/** `token`: of the admin port. Never rejects: whatever goes wrong is the reason of an unreachable proxy. */
export function fetchStatus(address: ProxyAddress, token: string | undefined): Promise<ProxyStatus> {
  return askProxy(address, { path: '/api/status', schema: reportSchema, what: 'a status report', token });
}
