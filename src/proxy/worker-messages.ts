/**
 * What supervisor and workers say to each other, over the channel that Node gives a forked process. Both hold
 * what they hear against these schemas: the files of the program may have been replaced between the start of
 * the one and of the other.
 */
import { z } from 'zod';
import type { Config } from '../config/load.ts';
import { incidentEntrySchema } from '../observe/incident-schema.ts';
import { journalRequestSchema } from '../observe/journal-routes.ts';
import { metricDocumentSchema } from '../observe/metric-documents.ts';
import { shardStatusSchema } from '../observe/status-schema.ts';

const ratiosSchema = z.object({ reads: z.number(), writes: z.number(), deletes: z.number() });

const snapshotSchema = z.object({
  source: z.enum(['etcd', 'file']),
  connected: z.boolean(),
  revision: z.number(),
  appliedAtMs: z.number(),
  shards: z.record(z.string(), ratiosSchema),
});

/** The configuration was validated when its file was read; the file may have changed since. */
const configSchema = z.custom<Config>((value) => typeof value === 'object' && value !== null);

const questionSchema = z.enum(['figures', 'status']);
export type Question = z.output<typeof questionSchema>;

/** From the supervisor. The first is always `start`. */
export const orderSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('start'),
    worker: z.number(),
    version: z.string(),
    config: configSchema,
    shards: z.array(z.string()),
    snapshot: snapshotSchema,
  }),
  /** `number` counts the changes; it comes back in `applied`. */
  z.object({ type: z.literal('ratios'), number: z.number(), snapshot: snapshotSchema }),
  z.object({ type: z.literal('ask'), about: questionSchema }),
  /** For a shard's journal; `number` comes back in `journal`. */
  z.object({
    type: z.literal('journal'),
    number: z.number(),
    shard: z.string(),
    request: journalRequestSchema,
  }),
  z.object({ type: z.literal('drain') }),
  z.object({ type: z.literal('hurry') }),
  z.object({ type: z.literal('reload') }),
]);
export type Order = z.output<typeof orderSchema>;
export type StartOrder = Extract<Order, { type: 'start' }>;

/** From a worker. */
export const newsSchema = z.discriminatedUnion('type', [
  /** Every second, from an event loop that turns. */
  z.object({ type: z.literal('beat') }),
  z.object({ type: z.literal('serving') }),
  /** It could not serve, and ends. `usage`: the configuration or the machine is at fault. */
  z.object({ type: z.literal('failed'), fault: z.enum(['usage', 'bug']), message: z.string() }),
  z.object({ type: z.literal('applied'), number: z.number() }),
  z.object({ type: z.literal('figures'), document: metricDocumentSchema }),
  z.object({ type: z.literal('status'), shards: z.array(shardStatusSchema) }),
  z.object({ type: z.literal('journal'), number: z.number(), code: z.number(), body: z.unknown() }),
  /** What went wrong since it last told. */
  z.object({ type: z.literal('incidents'), entries: z.array(incidentEntrySchema) }),
  /** A question that it can't answer just now. */
  z.object({ type: z.literal('unable'), about: questionSchema, reason: z.string() }),
]);
export type News = z.output<typeof newsSchema>;
