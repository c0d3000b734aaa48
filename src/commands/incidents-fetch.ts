/** Asks a proxy for its incidents. */
import { z } from 'zod';
import { INCIDENT_REASON_NAMES } from '../base/incident-reasons.ts';
import { type Asked, askProxy, type ProxyAddress } from '../observe/admin-fetch.ts';
import type { IncidentsAnswer } from '../observe/incident-report.ts';

export interface IncidentFilters {
  readonly shard: string | undefined;
  readonly reason: string | undefined;
  /** A length of time. */
  readonly since: string | undefined;
}

/** As many groups as a proxy gives. */
const LIMIT = '1000';

const counts = z.array(z.number()).max(1000);

const answerSchema: z.ZodType<IncidentsAnswer> = z.object({
  at: z.string(),
  matching: z.number(),
  incidents: z.array(
    z.object({
      reason: z.enum(INCIDENT_REASON_NAMES),
      shard: z.string(),
      digest: z.object({ id: z.string(), text: z.string() }).nullable(),
      code: z.number().nullable(),
      others: z.boolean(),
      firstSeen: z.string(),
      lastSeen: z.string(),
      total: z.number(),
      lastHour: z.number(),
      minutes: counts,
      hours: counts,
      shards: z.record(z.string(), z.number()),
      latest: z.array(
        z.object({
          at: z.string(),
          table: z.string().nullable(),
          key: z.string().nullable(),
          message: z.string(),
          sql: z.string().nullable(),
        }),
      ),
      stale: z.boolean(),
    }),
  ),
  exceeded: z.array(
    z.object({
      reason: z.enum(INCIDENT_REASON_NAMES),
      shard: z.string(),
      since: z.string(),
      count: z.number(),
      moreThan: z.number(),
      within: z.string(),
    }),
  ),
});

/** `token`: of the admin port. Never rejects: whatever goes wrong is the reason of an unreachable proxy. */
export function fetchIncidents(
  address: ProxyAddress,
  filters: IncidentFilters,
  token: string | undefined,
): Promise<Asked<IncidentsAnswer>> {
  const query = new URLSearchParams({ limit: LIMIT });
  for (const [name, value] of Object.entries(filters)) if (typeof value === 'string') query.set(name, value);
  const path = `/api/incidents?${query}`;
  return askProxy(address, { path, schema: answerSchema, what: 'incidents', token });
}
