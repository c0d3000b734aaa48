/** The form of incidents, for those who get them from another process. */
import { z } from 'zod';
import { INCIDENT_REASON_NAMES } from '../base/incident-reasons.ts';
import type { IncidentEntry } from './incident.ts';
import { PAYLOADS_MAX } from './incident.ts';
import {
  DIGEST_CHARACTERS_MAX,
  MESSAGE_CHARACTERS_MAX,
  NAME_CHARACTERS_MAX,
  SQL_CHARACTERS_MAX,
} from './incident-gatherer.ts';

const payloadSchema = z.object({
  atMs: z.number(),
  table: z.string().max(NAME_CHARACTERS_MAX).nullable(),
  key: z.string().max(NAME_CHARACTERS_MAX).nullable(),
  message: z.string().max(MESSAGE_CHARACTERS_MAX),
  sql: z.string().max(SQL_CHARACTERS_MAX).nullable(),
});

export const incidentEntrySchema: z.ZodType<IncidentEntry> = z.object({
  reason: z.enum(INCIDENT_REASON_NAMES),
  shard: z.string(),
  digest: z.object({ id: z.string(), text: z.string().max(DIGEST_CHARACTERS_MAX) }).nullable(),
  code: z.number().nullable(),
  others: z.boolean(),
  count: z.number(),
  firstMs: z.number(),
  lastMs: z.number(),
  payloads: z.array(payloadSchema).max(PAYLOADS_MAX),
});
