/** Statements, replays and units made by hand, for tests of the mirror's parts. */
import type { MovedTables } from '../../src/mirror/catalog.ts';
import { ANY_MOMENT } from '../../src/mirror/lane-moment.ts';
import { makeUnit } from '../../src/mirror/make-unit.ts';
import { Outlet, type OutletOptions } from '../../src/mirror/outlet.ts';
import { makeContext, type ReplayContext } from '../../src/mirror/replay-context.ts';
import type { ReplayDraft, Statement } from '../../src/mirror/statement.ts';
import { type TableKey, tableKey } from '../../src/mirror/table-key.ts';
import type { Target } from '../../src/mirror/target.ts';
import type { RecorderOptions } from '../../src/mirror/transaction-recorder.ts';
import type { PreparedReplay, Replay, Unit } from '../../src/mirror/unit.ts';
import { XaBranches } from '../../src/mirror/xa-branches.ts';
import { Metrics, type ShardMetrics } from '../../src/observe/metrics.ts';
import type { Plan } from '../../src/sql/plan.ts';
import { SqlReader } from '../../src/sql/plan-cache.ts';
import { DEFAULT_SQL_MODE } from '../../src/sql/sql-mode.ts';
import type { ResultSummary } from '../../src/wire/exchange.ts';
import { readExecute } from '../../src/wire/execute-packet.ts';

export const STATUS_AUTOCOMMIT = 2;
export const STATUS_OPEN = 3;

export const TABLES: MovedTables = { messages: { key: 'folderid' }, notes: { key: 'folderid' } };

const sql = new SqlReader({ maxPlans: 1000, seed: 1 });

/** The plan of a statement, as the house reads it. */
export function planOf(text: string): Plan {
  const bytes = Buffer.from(text);
  return sql.read(bytes, 0, bytes.length, DEFAULT_SQL_MODE);
}

export function shardMetrics(): ShardMetrics {
  return new Metrics({ service: 'test', version: '0', shards: ['s00'] }).shard('s00');
}

/** The outcomes that are not zero. */
export function outcomesOf(metrics: ShardMetrics): Record<string, number> {
  return Object.fromEntries(Object.entries(metrics.outcomes()).filter(([, count]) => count > 0));
}

export const CONTEXT: ReplayContext = makeContext(null, null, new Map());

export function keysOf(table: string, keys: readonly (number | string)[]): TableKey[] {
  return keys.map((key) => tableKey(table, String(key)));
}

export interface StatementShape {
  readonly table?: string;
  readonly keys?: readonly (number | string)[];
  readonly keysComplete?: boolean;
  readonly transactional?: Target['transactional'];
  readonly rowByRow?: boolean;
  readonly numbered?: Target['numbered'];
  readonly leftOut?: readonly (number | string)[];
  readonly draft?: Partial<ReplayDraft>;
  readonly effects?: Statement['effects'];
  readonly straddles?: boolean;
  readonly next?: Statement | null;
}

/** A statement that the ratio picked, of one moved table. */
export function selectedStatement(text: string, shape: StatementShape = {}): Statement {
  const { table = 'messages', keys = [1], leftOut = [] } = shape;
  const draft: ReplayDraft = {
    sql: Buffer.from(text),
    prepared: null,
    context: CONTEXT,
    reads: null,
    settings: [],
    fixedTime: null,
    clock: 'none',
    sameNumbers: false,
    bringsNumbers: false,
    keys: keysOf(table, keys),
    rowHash: null,
    affected: null,
    tally: null,
    moves: false,
    byKind: false,
    isWhole: true,
    adjusted: 'alike',
    doubtful: false,
    doubtfulIfWarned: false,
    ...shape.draft,
  };
  return {
    ...plainOf(text, shape),
    target: targetOf(shape),
    selection: { at: 'selected', draft, leftOut: keysOf(table, leftOut) },
  };
}

export function unsampledStatement(text: string, shape: StatementShape = {}): Statement {
  return { ...plainOf(text, shape), target: targetOf(shape), selection: { at: 'not_sampled' } };
}

export function skippedStatement(
  text: string,
  outcome: 'skipped_unsupported' | 'skipped_straddle' | 'dropped_too_large',
  shape: StatementShape = {},
): Statement {
  return { ...plainOf(text, shape), target: targetOf(shape), selection: { at: 'skipped', outcome } };
}

/** A statement that touches no moved table. */
export function plainOf(text: string, shape: StatementShape = {}): Statement {
  const plan = planOf(text);
  return {
    kind: plan.kind,
    plan,
    target: null,
    straddles: shape.straddles ?? false,
    selection: { at: 'none' },
    effects: shape.effects ?? [],
    prepared: null,
    traces: { generates: false, runsTriggers: false },
    span: null,
    byRows: false,
    byName: false,
    blind: false,
    definition: null,
    rest: null,
    routines: null,
    branch: null,
    next: shape.next ?? null,
  };
}

function targetOf({ table = 'messages', keys = [1], leftOut = [], ...shape }: StatementShape): Target {
  return {
    reached: [],
    barriers: [],
    tables: [table],
    keys: keysOf(table, [...keys, ...leftOut]),
    keysComplete: shape.keysComplete ?? true,
    numbered: shape.numbered ?? null,
    rowByRow: shape.rowByRow ?? false,
    transactional: shape.transactional ?? 'yes',
  };
}

export function okResult(more: Partial<ResultSummary> = {}): ResultSummary {
  return {
    ok: true,
    errno: 0,
    affectedRows: 1,
    changedRows: null,
    insertId: 0,
    status: STATUS_AUTOCOMMIT,
    warnings: 0,
    rows: 0,
    resultSet: false,
    ...more,
  };
}

export function errorResult(errno: number): ResultSummary {
  return okResult({ ok: false, errno, status: 0, affectedRows: 0 });
}

export interface ReplayShape {
  readonly moves?: boolean;
  readonly keys?: readonly (number | string)[];
  readonly table?: string;
  readonly keysComplete?: boolean;
  readonly context?: ReplayContext;
  readonly prepared?: PreparedReplay;
  readonly primary?: Partial<Replay['primary']>;
  readonly bytes?: number;
}

export function replayOf(text: string, shape: ReplayShape = {}): Replay {
  const { table = 'messages', keys = [1] } = shape;
  const plan = planOf(text);
  return {
    kind: plan.kind,
    plan,
    sql: Buffer.from(text),
    prepared: shape.prepared ?? null,
    context: shape.context ?? CONTEXT,
    tables: [table],
    keys: keysOf(table, keys),
    keysComplete: shape.keysComplete ?? true,
    moves: shape.moves ?? false,
    byKind: plan.byKind,
    span: null,
    moment: ANY_MOMENT,
    barriers: [],
    primary: {
      seconds: 0.001,
      rows: 0,
      affected: null,
      tally: null,
      warnings: null,
      rowHash: null,
      ...shape.primary,
    },
    bytes: shape.bytes ?? 512 + text.length,
  };
}

export function unitOf(replays: readonly Replay[], answeredAtMs = 0): Unit {
  return makeUnit(replays, answeredAtMs);
}

/** An execution with string parameters; null is a parameter that was sent ahead, with its value. */
export function preparedOf(
  text: string,
  values: readonly (string | { readonly long: Buffer })[],
): PreparedReplay {
  const longData = new Map<number, Buffer>();
  values.forEach((value, ordinal) => {
    if (typeof value !== 'string') longData.set(ordinal, value.long);
  });
  const payload = executePayload(
    0,
    values.map((value) => (typeof value === 'string' ? value : null)),
  );
  const packet = readExecute(payload, {
    parameterCount: values.length,
    boundTypes: null,
    longData,
    queryAttributes: false,
  });
  if (packet === null) throw new Error('the execution made here can be read');
  return { text, packet, longData };
}

/** COM_STMT_EXECUTE with short strings; null stands for a value that was sent ahead. */
export function executePayload(id: number, values: readonly (string | null)[], bound = true): Buffer {
  const head = Buffer.alloc(10);
  head[0] = 0x17;
  head.writeUInt32LE(id, 1);
  head.writeUInt32LE(1, 6);
  if (values.length === 0) return head;
  const types = bound ? Buffer.concat(values.map(() => Buffer.of(0xfd, 0))) : Buffer.alloc(0);
  const texts = values.flatMap((value) =>
    value === null ? [] : [Buffer.of(Buffer.byteLength(value)), Buffer.from(value)],
  );
  const bitmap = Buffer.alloc((values.length + 7) >> 3);
  return Buffer.concat([head, bitmap, Buffer.of(bound ? 1 : 0), types, ...texts]);
}

/** What a recorder needs; the primary's clock is not known. */
export function recording({
  unitBytes,
  ...rest
}: Omit<OutletOptions, 'secondOf'> &
  Partial<OutletOptions> & { readonly unitBytes: number }): RecorderOptions {
  const outlet = new Outlet({ secondOf: () => null, ...rest });
  return { unitBytes, writes: rest.writes, metrics: rest.metrics, outlet, branches: new XaBranches() };
}
