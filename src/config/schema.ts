/**
 * The configuration file's schema: the one place where fields, defaults and bounds stand.
 * `schema/proxy.config.schema.json` and `docs/configuration.md` are generated from here (`npm run schema`).
 */
import { z } from 'zod';
import { parseNetwork } from '../base/ip-network.ts';
import { findCrossFaults } from './cross-checks.ts';
import { incidentsSchema } from './incidents-schema.ts';
import { secretSchema } from './secret-schema.ts';
import { sequencesSchema } from './sequences-schema.ts';
import { syncSchema } from './sync-schema.ts';
import { clusterTlsSchema, listenTlsSchema } from './tls-schema.ts';

const MEBIBYTE = 1024 * 1024;
export const WORKERS_MAX = 128;

const port = z.number().int().min(1).max(65535);
const hostName = z.string().min(1).describe('Host name or address');
const milliseconds = (min: number, max: number) => z.number().int().min(min).max(max);

/** A share in percent with at most two decimals, as `etcdctl put` may write it. */
export const percentSchema = z
  .number()
  .min(0)
  .max(100)
  .refine((value) => Math.abs(value * 100 - Math.round(value * 100)) < 1e-6, {
    message: 'has more than two decimals',
  });

const accountSchema = z.strictObject({
  user: z.string().min(1).describe('Its name'),
  password: secretSchema.optional().describe('Left out: the account has no password'),
});

const endpointSchema = z.strictObject({ host: hostName, port: port.describe('Its port') });

const databaseName = z.string().min(1).max(64);

const clusterSideSchema = endpointSchema.extend({
  database: databaseName
    .optional()
    .describe(
      'The shard’s database on this side. Left out on the old side: every database; on the new side: the old name',
    ),
  replica: endpointSchema.optional().describe('A replica that heavy reads (the sync) may use'),
});

const shardName = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/,
    'must be 1-63 letters, digits, "_", "-" or ".", beginning with a letter or digit',
  )
  .describe('1-63 letters, digits, "_", "-" or ".", beginning with a letter or digit');

const ratioFields = {
  reads: percentSchema.default(0).describe('Share of reads mirrored, in percent'),
  writes: percentSchema.default(0).describe('Share of keys whose writes are mirrored, in percent'),
  deletes: percentSchema.default(0).describe('Share of keys whose deletes are mirrored, in percent'),
};

const ownRatio = percentSchema.optional().describe('Left out: as for all shards');
const ratioOverrideSchema = z.strictObject({ reads: ownRatio, writes: ownRatio, deletes: ownRatio });

/** The live part of the file: what `understudy ratio set` writes when there is no etcd. */
export const mirrorSchema = z.strictObject({
  ...ratioFields,
  shards: z
    .record(shardName, ratioOverrideSchema)
    .optional()
    .describe('Ratios that differ for single shards'),
});

const networkSchema = z.string().refine((text) => parseNetwork(text) !== null, {
  message:
    'must be an address or a network such as "10.0.0.0/8" or "2001:db8::/32", with no bits set behind its length',
});

const proxyProtocolSchema = z
  .strictObject({
    trusted: z
      .array(networkSchema)
      .min(1)
      .max(1000)
      .describe(
        'Addresses and networks of the balancers: each of their connections must begin with a header',
      ),
  })
  .describe('PROXY protocol, v1 and v2, towards clients. Left out: no header is read from anyone');

const listenSchema = z.strictObject({
  host: hostName.default('127.0.0.1').describe('The address that clients reach'),
  proxyProtocol: proxyProtocolSchema.optional(),
  tls: listenTlsSchema.optional(),
});

const shardSchema = z.strictObject({
  name: shardName,
  port: port.describe('The port this shard is served on'),
  old: clusterSideSchema.describe('Where the shard is now'),
  new: clusterSideSchema.describe('Where it is to be'),
});

const tablesSchema = z
  .union(
    [
      z.literal('*').describe('Every table of the shard’s database; the key is the first primary key column'),
      z.record(
        z.string().min(1).max(64),
        z.strictObject({ key: z.string().min(1).max(64).describe('The group column') }),
      ),
    ],
    { error: 'must be "*", or the tables by name, each as {"key": "COLUMN"}' },
  )
  .describe('The tables that move, each with its group column');

const etcdSchema = z.strictObject({
  hosts: z
    .array(z.url({ protocol: /^https?$/, error: 'must be a URL such as "http://127.0.0.1:2379"' }))
    .min(1)
    .describe('Its members'),
  prefix: z
    .string()
    .regex(/^\/.*\/$/, 'must begin and end with "/"')
    .optional()
    .describe('Left out: /understudy/<service>/'),
  user: z.string().min(1).optional().describe('Left out: no login'),
  password: secretSchema.optional().describe('Of that account'),
  ca: z.string().min(1).optional().describe('File with the authority that signed etcd’s certificate (PEM)'),
  certificate: z.string().min(1).optional().describe('Client certificate file (PEM)'),
  key: z.string().min(1).optional().describe('Client key file (PEM)'),
  serverName: z
    .string()
    .min(1)
    .optional()
    .describe('The name in etcd’s certificates. Left out: the host of each URL'),
  rereadMs: milliseconds(100, 60_000)
    .default(3000)
    .describe('How often the prefix is reread besides the watch'),
  leaseTtlSeconds: z
    .number()
    .int()
    .min(2)
    .max(600)
    .default(10)
    .describe(
      'How long a proxy stays registered, and a process of a shared sync keeps its ranges, that is not heard of any more',
    ),
});

const queueSchema = z.strictObject({
  statements: z
    .number()
    .int()
    .min(1)
    .max(1_000_000)
    .default(20_000)
    .describe('Statements held for the shadow, a shard'),
  bytes: z
    .number()
    .int()
    .min(1024)
    .max(4096 * MEBIBYTE)
    .default(64 * MEBIBYTE)
    .describe('Their bytes, a shard'),
  statementBytes: z
    .number()
    .int()
    .min(256)
    .max(64 * MEBIBYTE)
    .default(4 * MEBIBYTE)
    .describe('A larger statement is relayed but not mirrored'),
  unitBytes: z
    .number()
    .int()
    .min(1024)
    .max(1024 * MEBIBYTE)
    .default(16 * MEBIBYTE)
    .describe('A larger transaction is not mirrored'),
});

const lanesSchema = z.strictObject({
  perShard: z.number().int().min(1).max(64).default(4).describe('Connections to the shadow, a shard'),
  pipeline: z
    .number()
    .int()
    .min(1)
    .max(64)
    .default(8)
    .describe('Units sent on a lane before the first answer; twice as many of reads that come thick'),
  connectTimeoutMs: milliseconds(10, 60_000).default(3000).describe('For reaching the shadow and logging in'),
  timeoutMs: milliseconds(10, 600_000)
    .default(5000)
    .describe('A replay that takes longer is ended, on the server too'),
  ddlTimeoutMs: milliseconds(1000, 86_400_000)
    .default(3_600_000)
    .describe(
      'With "ddl": "mirror": a replayed change of definitions that takes longer is ended, on the server too',
    ),
  preparedStatements: z
    .number()
    .int()
    .min(1)
    .max(16_382)
    .default(256)
    .describe('Prepared statements kept on a lane'),
});

const breakerSchema = z.strictObject({
  failures: z.number().int().min(1).max(1000).default(3).describe('Failures in a row that open the breaker'),
  backoffMinMs: milliseconds(10, 600_000)
    .default(500)
    .describe('How long an open breaker waits before it tries the shadow again'),
  backoffMaxMs: milliseconds(10, 600_000)
    .default(15_000)
    .describe('The longest such wait, after trials that failed'),
  rampMs: milliseconds(0, 600_000)
    .default(5000)
    .describe('How long the share of units let in grows from 5 % to all after an outage'),
});

const journalSchema = z.strictObject({
  directory: z
    .string()
    .min(1)
    .default('./var/journal')
    .describe('On local disk, one folder a shard in it; each proxy needs its own'),
  maxBytes: z
    .number()
    .int()
    .min(4 * 1024 * 1024)
    .max(64 * 1024 ** 3)
    .default(64 * 1024 * 1024)
    .describe(
      'On disk and, for the doubts, again in memory, a shard; beyond it the oldest goes and a full pass is owed',
    ),
  writtenRetentionMs: milliseconds(1000, 3_600_000)
    .default(60_000)
    .describe('How long a written key stays on record after its write was settled'),
  sync: z
    .enum(['second', 'never'])
    .default('second')
    .describe('When the disk is told to keep what was appended; a client never waits for it'),
});

export const configSchema = z
  .strictObject({
    $schema: z.string().optional(),
    service: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/, 'must be letters, digits, "_", "-" or "."')
      .describe('What the proxies of these shards are called together: in etcd’s prefix and in the metrics'),
    listen: listenSchema.prefault({}).describe('Where clients connect; each shard has a port of its own'),
    oldProxyProtocol: z
      .enum(['v1', 'v2'])
      .optional()
      .describe('Tell the old cluster each client’s address by a PROXY protocol header of this version'),
    admin: z
      .strictObject({
        host: hostName
          .default('127.0.0.1')
          .describe('The address that Prometheus and "understudy status" reach'),
        port: port.default(9104).describe('One for all shards'),
        token: secretSchema
          .optional()
          .describe(
            'Asked for by all but /healthz and /readyz ("Authorization: Bearer …"); needed where host is not loopback',
          ),
      })
      .prefault({})
      .describe('Where /metrics, /healthz, /readyz and /api/ are served'),
    workers: z
      .number()
      .int()
      .min(1)
      .max(WORKERS_MAX)
      .optional()
      .describe(
        'Processes that share the shards out; left out: as many as there are cores, at most one a shard',
      ),
    tables: tablesSchema,
    shards: z.array(shardSchema).min(1).max(1024).describe('The slices of the data'),
    newUser: accountSchema.default({ user: 'understudy' }).describe('Our account on the new cluster'),
    oldUser: accountSchema.default({ user: 'understudy' }).describe('Our account on the old cluster'),
    newTls: clusterTlsSchema.optional().describe('TLS to the new cluster, always. Left out: never'),
    oldTls: clusterTlsSchema
      .optional()
      .describe('TLS to the old cluster, always, for clients’ connections and our own. Left out: never'),
    mirror: mirrorSchema
      .prefault({})
      .describe('The ratios; live: a change of the file is applied without a restart'),
    ddl: z
      .enum(['incident', 'mirror'])
      .default('incident')
      .describe(
        'Changes of definitions of moved tables. "incident": told of, and the table is in doubt; "mirror": replayed on the new cluster too, in order',
      ),
    sampling: z
      .strictObject({
        reads: z
          .enum(['dice', 'key'])
          .default('dice')
          .describe('"dice": each read by itself; "key": all reads of a key, or none'),
      })
      .prefault({})
      .describe('How the share of reads is picked'),
    compare: percentSchema.default(0).describe('Share of mirrored reads whose rows are compared, in percent'),
    etcd: etcdSchema.optional().describe('Left out: the ratios come, live, from this file'),
    journal: journalSchema.prefault({}).describe('The keys that the new cluster may have wrong, on disk'),
    maxConnections: z
      .number()
      .int()
      .min(1)
      .max(100_000)
      .default(5000)
      .describe('Client connections, a shard'),
    connectTimeoutMs: milliseconds(10, 600_000).default(5000).describe('For reaching the old cluster'),
    loginTimeoutMs: milliseconds(10, 600_000)
      .default(10_000)
      .describe('From the accept to the end of the login'),
    lingerTimeoutMs: milliseconds(100, 600_000)
      .default(10_000)
      .describe('How long either side may leave unread what is left for it once the other is gone'),
    drainTimeoutMs: milliseconds(0, 3_600_000)
      .default(30_000)
      .describe('After SIGTERM, for sessions in a transaction'),
    queue: queueSchema.prefault({}).describe('Bounds of what waits for the new cluster'),
    lanes: lanesSchema.prefault({}).describe('The connections that replay statements'),
    breaker: breakerSchema
      .prefault({})
      .describe('When a shadow that fails is left alone, and how it comes back'),
    sync: syncSchema.prefault({}).describe('How `understudy sync` works: gently'),
    incidents: incidentsSchema.prefault({}).describe('When incidents are too many, and who is told'),
    sequences: sequencesSchema
      .prefault({})
      .describe(
        'What gives out numbers: understudy sequences compares it on all servers, and so does the proxy',
      ),
    plans: z.number().int().min(16).max(1_000_000).default(10_000).describe('Digests whose plans are kept'),
    logLevel: z
      .enum(['debug', 'info', 'warn', 'error'])
      .default('info')
      .describe('The least level that is logged'),
    logLiterals: z.boolean().default(false).describe('Let statement literals into logs'),
  })
  .superRefine(
    (config, context) => {
      const told = new Set(context.issues.map((issue) => JSON.stringify(issue.path ?? [])));
      for (const { path, message } of findCrossFaults(config)) {
        // A field that is wrong in itself is told of once.
        if (!told.has(JSON.stringify(path))) context.addIssue({ code: 'custom', path: [...path], message });
      }
    },
    // By default zod runs this only once every single field is valid.
    { when: () => true },
  );

export type ParsedConfig = z.output<typeof configSchema>;
export type MirrorSection = z.output<typeof mirrorSchema>;
export type ShardConfig = ParsedConfig['shards'][number];
export type EtcdConfig = NonNullable<ParsedConfig['etcd']>;
