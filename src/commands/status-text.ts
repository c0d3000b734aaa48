/** The merged status as text for people. Pure. */
import type { Ratios } from '../config/ratios.ts';
import { sanitize } from '../control/sanitize.ts';
import type { WorkerStatus } from '../observe/status.ts';
import type { ProxyStatus } from './status-fetch.ts';
import type { MergedShard } from './status-merge.ts';
import { formatTable } from './table.ts';

const DIGEST_SHOWN = 100;
/** More are a report of their own: `--json` has them. */
const DIGESTS_LISTED = 10;
const DIFFERENCES_SHOWN = 10;
/** What a digest shows even where the terminal is narrower. */
const DIGEST_LEAST = 20;

/** Lines without newlines. Digests of straddling statements are cut so that their lines fit `width` columns. */
export function statusLines(
  service: string,
  proxies: readonly ProxyStatus[],
  shards: readonly MergedShard[],
  width: number,
): string[] {
  const lines = [`${service}: ${phaseOf(proxies)}`, '', ...proxyLines(proxies)];
  if (shards.length > 0) lines.push('', ...shardLines(shards));
  for (const shard of shards) lines.push(...detailLines(shard, width));
  return lines.map((line) => sanitize(line, 1000));
}

function phaseOf(proxies: readonly ProxyStatus[]): string {
  const phases = new Set(
    proxies.flatMap((proxy) => (proxy.type === 'reachable' ? [proxy.report.phase] : [])),
  );
  return phases.size === 0 ? 'phase unknown' : `phase ${[...phases].join(', ')}`;
}

function proxyLines(proxies: readonly ProxyStatus[]): string[] {
  const rows = proxies.map((proxy) => {
    if (proxy.type === 'unreachable')
      return [proxy.address.id ?? '?', proxy.address.admin, 'unreachable', '', '', '', ''];
    const { id, version, draining, control, workers } = proxy.report;
    const source = `${control.source}${control.connected ? '' : ' (disconnected)'}`;
    const state = draining ? 'draining' : 'up';
    return [id, proxy.address.admin, state, workersCell(workers), version, source, `${control.revision}`];
  });
  return formatTable(['PROXY', 'ADMIN', 'STATE', 'WORKERS', 'VERSION', 'CONTROL', 'REVISION'], rows);
}

/** Those that serve of all, `1/2`; empty for a proxy that does not tell. */
function workersCell(workers: readonly WorkerStatus[]): string {
  if (workers.length === 0) return '';
  return `${workers.filter(({ state }) => state === 'serving').length}/${workers.length}`;
}

function shardLines(shards: readonly MergedShard[]): string[] {
  const rows = shards.map((shard) => [
    shard.name,
    ratioCell(shard, 'reads'),
    ratioCell(shard, 'writes'),
    ratioCell(shard, 'deletes'),
    shard.shadow,
    `${shard.lagSeconds.toFixed(1)} s`,
    `${shard.queue.statements} (${formatBytes(shard.queue.bytes)})`,
    journalCell(shard),
    `${shard.connections}`,
  ]);
  return formatTable(
    ['SHARD', 'READS', 'WRITES', 'DELETES', 'SHADOW', 'LAG', 'QUEUE', 'JOURNAL', 'CONNECTIONS'],
    rows,
  );
}

function journalCell({ journalKeys, journalBytes, journalReset, journalFailing }: MergedShard): string {
  const notes = [
    ...(journalReset ? ['full pass owed'] : []),
    ...(journalFailing === null ? [] : ['failing']),
    formatBytes(journalBytes),
  ];
  return `${journalKeys} (${notes.join(', ')})`;
}

/** Proxies that differ show as `25/50`. */
function ratioCell(shard: MergedShard, kind: keyof Ratios): string {
  return `${[...new Set(shard.ratios.map((ratios) => ratios[kind]))].join('/')} %`;
}

function detailLines(shard: MergedShard, width: number): string[] {
  const lines: string[] = [];
  const outcomes = formatCounts(shard.outcomes);
  const mismatches = formatCounts(shard.mismatches);
  const doubts = formatCounts(shard.doubts);
  if (outcomes !== '') lines.push(`${shard.name} outcomes: ${outcomes}`);
  if (mismatches !== '') lines.push(`${shard.name} mismatches: ${mismatches}`);
  for (const sample of shard.latestMismatches) {
    const digest = sanitize(sample.digest, DIGEST_SHOWN);
    lines.push(`  ${sample.at} ${sample.kind} ${sample.reason}: ${sample.detail} [${digest}]`);
  }
  if (doubts !== '') lines.push(`${shard.name} doubts: ${doubts}`);
  if (shard.journalFailing !== null)
    lines.push(`${shard.name} the journal can't be written as it should: ${shard.journalFailing}`);
  if (shard.journalReset) {
    const why = shard.journalResetReason ?? 'the proxy does not tell why';
    lines.push(`${shard.name} owes a full pass ("understudy sync" makes it): ${why}`);
  }
  lines.push(
    ...differenceLines(shard),
    ...digestLines(`${shard.name} statements that left doubts, by reason and digest`, causesOf(shard), width),
    ...digestLines(
      `${shard.name} statements that mix moved and other tables, by digest`,
      straddlesOf(shard),
      width,
    ),
  );
  if (shard.shadowError !== undefined) {
    const { reason, at } = shard.shadowError;
    lines.push(`${shard.name} last error of the shadow${at === null ? '' : ` (${at})`}: ${reason}`);
  }
  return lines.length === 0 ? [] : ['', ...lines];
}

function differenceLines({ name, schemaDifferences: all, newSchemaKnown }: MergedShard): string[] {
  const lines: string[] = [];
  if (!newSchemaKnown)
    lines.push(`${name} the new server's tables could not be read yet: all that is written is in doubt`);
  if (all.length === 0) return lines;
  lines.push(
    `${name} tables of the new server that differ, so that replays may leave other rows: see schema_differs`,
  );
  for (const { table, column, old, new: fresh, follows } of all.slice(0, DIFFERENCES_SHOWN)) {
    const at = column === null ? table : `${table}.${column}`;
    lines.push(`  ${at}: old has ${old}; new has ${fresh}. In doubt: ${follows}`);
  }
  const more = all.length - DIFFERENCES_SHOWN;
  return more > 0 ? [...lines, `  and ${more} more (see --json)`] : lines;
}

interface CountedDigest {
  /** What stands before the digest. */
  readonly label: string;
  readonly digest: string;
}

function causesOf({ doubtCauses }: MergedShard): CountedDigest[] {
  return doubtCauses.map(({ reason, digest, count }) => ({ label: `${count} times ${reason}`, digest }));
}

function straddlesOf({ straddles }: MergedShard): CountedDigest[] {
  return straddles.map(({ digest, count }) => ({ label: `${count} times`, digest }));
}

function digestLines(title: string, all: readonly CountedDigest[], width: number): string[] {
  if (all.length === 0) return [];
  const shown = all.slice(0, DIGESTS_LISTED).map(({ label, digest }) => {
    const start = `  ${label}: `;
    return `${start}${sanitize(digest, Math.max(width - start.length - 1, DIGEST_LEAST))}`;
  });
  const more = all.length - shown.length;
  return [
    `${title}: ${all.length}`,
    ...shown,
    ...(more > 0 ? [`  and ${more} more digests (see --json)`] : []),
  ];
}

function formatCounts(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .filter(([, count]) => count !== 0)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');
}

function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 1024 * 1024) return `${(bytes / 1024).toFixed(1)} KiB`;
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}
