/** The `sequences` section of the configuration: tables that give out numbers, and how often they are compared. */
import { z } from 'zod';

const DAY_MS = 86_400_000;

const identifier = z.string().min(1).max(64);

const sequenceTableSchema = z.strictObject({
  name: identifier
    .nullable()
    .default('name')
    .describe('The column that says which sequence a row is; null: the table has one row and no such column'),
  value: identifier.default('value').describe('The column with the last number given out'),
});

export const sequencesSchema = z.strictObject({
  tables: z
    .record(identifier, sequenceTableSchema)
    .default({})
    .describe(
      'Tables of the shards’ databases whose rows are bumped by "value = LAST_INSERT_ID(value + 1)", by name',
    ),
  intervalMs: z
    .number()
    .int()
    .min(0)
    .max(DAY_MS)
    .refine((value) => value === 0 || value >= 1000, { message: 'must be 0 or at least 1000' })
    .default(300_000)
    .describe('How often the proxy compares the numbers of all servers; 0: never'),
  graceMs: z
    .number()
    .int()
    .min(0)
    .max(600_000)
    .default(3000)
    .describe('How long a server that seems to be behind is looked at again before it is said to be'),
  timeoutMs: z
    .number()
    .int()
    .min(100)
    .max(600_000)
    .default(5000)
    .describe('For reaching a server, and for each query of its numbers'),
});

export type SequencesSection = z.output<typeof sequencesSchema>;
export type SequenceTable = z.output<typeof sequenceTableSchema>;
