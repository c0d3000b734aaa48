/** The `sync` section of the configuration: how gently, and how much at once. */
import { z } from 'zod';

const milliseconds = (min: number, max: number) => z.number().int().min(min).max(max);

export const syncSchema = z.strictObject({
  batchGroups: z
    .number()
    .int()
    .min(1)
    .max(5000)
    .default(50)
    .describe('Groups of the first checksum query of a table; then as many as take targetMs'),
  targetMs: milliseconds(10, 10_000)
    .default(100)
    .describe('How long nine checksum queries in ten should take at most'),
  workers: z.number().int().min(1).max(256).default(4).describe('Ranges that one process works on at a time'),
  connectionsPerHost: z
    .number()
    .int()
    .min(2)
    .max(256)
    .default(8)
    .describe('Connections of one process to one server'),
  maxLagMs: milliseconds(100, 3_600_000)
    .default(5000)
    .describe('With a replica further behind than this the sync waits'),
  maxThreadsRunning: z
    .number()
    .int()
    .min(2)
    .max(100_000)
    .default(40)
    .describe('With more threads running on a server (Threads_running) the sync waits'),
  queryTimeoutMs: milliseconds(1000, 3_600_000)
    .default(30_000)
    .describe('A query that takes longer is ended, on the server too'),
  catchUpTimeoutMs: milliseconds(100, 3_600_000)
    .default(30_000)
    .describe('How long a replica may take to come to where its primary was'),
  etcdTimeoutMs: milliseconds(1000, 3_600_000)
    .default(60_000)
    .describe('How long a shared sync waits for etcd, when it is away, before it ends'),
  rowsPerTransaction: z
    .number()
    .int()
    .min(1)
    .max(10_000)
    .default(500)
    .describe('Rows that one transaction repairs at most; fewer where they are large'),
  passes: z.number().int().min(1).max(1000).default(3).describe('Full passes at most'),
  pauseFile: z.string().min(1).optional().describe('While this file is there the sync waits'),
  checkpoint: z
    .string()
    .min(1)
    .default('./var/sync')
    .describe('Folder in which a sync without etcd keeps where it is'),
});

export type SyncSettings = z.output<typeof syncSchema>;
