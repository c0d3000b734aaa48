/** The kept results: every run as it was measured, and the machine. Medians and ratios are derived, never stored. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { coreTimeSchema } from './core-time.ts';

export const WORKLOADS = [
  'oltp_point_select',
  'oltp_read_only',
  'oltp_read_write',
  'oltp_write_only',
  'short_sessions',
] as const;
export const PROTOCOLS = ['text', 'prepared'] as const;
/** Client threads. */
export const THREAD_COUNTS = [1, 8, 64] as const;
/** The ways to the old server, in the order of the tables. */
export const TARGETS = [
  'direct',
  'haproxy',
  'router',
  'proxysql',
  'relay',
  'mirror-0',
  'reads-100',
  'mirror-100',
  'mirror-100-unjournalled',
  'direct-tls',
  'mirror-0-tls',
  'direct-durable',
  'relay-durable',
  'mirror-0-durable',
  'mirror-100-durable',
] as const;
export type Workload = (typeof WORKLOADS)[number];
export type Protocol = (typeof PROTOCOLS)[number];
export type Target = (typeof TARGETS)[number];

const settingsSchema = z.strictObject({
  seconds: z.number(),
  /** What stands in between had the last core to itself, and all else the others. */
  pinned: z.boolean(),
  tables: z.number(),
  rowsPerTable: z.number(),
});

const machineSchema = z.strictObject({
  cpu: z.string(),
  cores: z.number(),
  memoryGiB: z.number(),
  kernel: z.string(),
  /** Over the minute before the first run: what else the machine was doing. */
  loadAverage: z.number(),
  node: z.string(),
  mariadb: z.string(),
  haproxy: z.string(),
  /** Null: not on this machine. */
  router: z.string().nullable(),
  proxysql: z.string().nullable(),
  sysbench: z.string(),
});

const mirrorSchema = z.strictObject({
  /** Selected statements of this run, by outcome; zeros left out. */
  outcomes: z.record(z.string(), z.number()),
  /** At the moment the load ended. */
  queueStatements: z.number(),
  lagSeconds: z.number(),
  /** From the end of the load until nothing waited; null: it did not empty in time. */
  drainSeconds: z.number().nullable(),
  /** The worst that was seen while the load ran; null: it was not looked at. */
  lagMaxSeconds: z.number().nullable().default(null),
  /** Doubts in the journal that the run has added, written keys left out; null: they were not looked at. */
  doubts: z.number().nullable().default(null),
  /** To the journal; null: they were not counted. */
  appends: z.number().nullable().default(null),
});

const runSchema = z.strictObject({
  workload: z.enum(WORKLOADS),
  protocol: z.enum(PROTOCOLS),
  threads: z.number(),
  target: z.enum(TARGETS),
  round: z.number(),
  statements: z.number(),
  /** Statements a second; in short_sessions, sessions a second. */
  perSecond: z.number(),
  /** Of a sysbench event: a statement in oltp_point_select, a session in short_sessions, else a transaction. */
  p99Ms: z.number(),
  /** Deadlocks and the like, after which sysbench repeats the transaction. */
  ignoredErrors: z.number(),
  /** Of the processes in between, per statement or session; null where there is none. */
  cpuMicros: z.strictObject({ user: z.number(), system: z.number() }).nullable(),
  /** What other programs used of all cores meanwhile, from 0 to 1; null: it was not looked at. */
  othersShare: z.number().nullable(),
  /** Null: it was not looked at. */
  cores: coreTimeSchema.nullable().default(null),
  mirror: mirrorSchema.nullable(),
});

export const resultsSchema = z.strictObject({
  measuredAt: z.string(),
  commit: z.string(),
  machine: machineSchema,
  settings: settingsSchema,
  /** Of the others that were measured, whole, but for ports and folders. */
  configurations: z.array(z.strictObject({ name: z.string(), text: z.string() })),
  runs: z.array(runSchema),
});

export type Results = z.output<typeof resultsSchema>;
export type Settings = z.output<typeof settingsSchema>;
export type Machine = z.output<typeof machineSchema>;
export type Run = z.output<typeof runSchema>;
export type MirrorFigures = z.output<typeof mirrorSchema>;

export const KEPT_RESULTS = new URL('results/kept.json', import.meta.url);

/** What the figures of a workload count. */
export function unitOf(workload: Workload): 'statement' | 'session' {
  return workload === 'short_sessions' ? 'session' : 'statement';
}

/** Throws where the file is missing or of another form. */
export function readResults(file: URL): Results {
  return resultsSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
}

export function resultsText(results: Results): string {
  return `${JSON.stringify(results, null, 2)}\n`;
}
