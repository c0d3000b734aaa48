/** The merged status as text for people. Pure. */
import type { Ratios } from '../config/ratios.ts';
import { sanitize } from '../control/sanitize.ts';
import type { ProxyStatus } from './status-fetch.ts';
import type { MergedShard } from './status-merge.ts';
import { formatTable } from './table.ts';

const DIGEST_SHOWN = 100;

/** Lines without newlines. */
export function statusLines(
  service: string,
  proxies: readonly ProxyStatus[],
  shards: readonly MergedShard[],
): string[] {
  const lines = [`${service}: ${phaseOf(proxies)}`, '', ...proxyLines(proxies)];
  if (shards.length > 0) lines.push('', ...shardLines(shards));
  for (const shard of shards) lines.push(...detailLines(shard));
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
      return [proxy.address.id ?? '?', proxy.address.admin, 'unreachable', '', '', ''];
    const { id, version, draining, control } = proxy.report;
    const source = `${control.source}${control.connected ? '' : ' (disconnected)'}`;
    return [id, proxy.address.admin, draining ? 'draining' : 'up', version, source, `${control.revision}`];
  });
  return formatTable(['PROXY', 'ADMIN', 'STATE', 'VERSION', 'CONTROL', 'REVISION'], rows);
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
    `${shard.journalKeys}${shard.journalReset ? ' (full pass owed)' : ''}`,
    `${shard.connections}`,
  ]);
  return formatTable(
    ['SHARD', 'READS', 'WRITES', 'DELETES', 'SHADOW', 'LAG', 'QUEUE', 'JOURNAL', 'CONNECTIONS'],
    rows,
  );
}

/** Proxies that differ show as `25/50`. */
function ratioCell(shard: MergedShard, kind: keyof Ratios): string {
  return `${[...new Set(shard.ratios.map((ratios) => ratios[kind]))].join('/')} %`;
}

function detailLines(shard: MergedShard): string[] {
  const lines: string[] = [];
  const outcomes = formatCounts(shard.outcomes);
  const mismatches = formatCounts(shard.mismatches);
  if (outcomes !== '') lines.push(`${shard.name} outcomes: ${outcomes}`);
  if (mismatches !== '') lines.push(`${shard.name} mismatches: ${mismatches}`);
  for (const sample of shard.latestMismatches) {
    const digest = sanitize(sample.digest, DIGEST_SHOWN);
    lines.push(`  ${sample.at} ${sample.kind} ${sample.reason}: ${sample.detail} [${digest}]`);
  }
  return lines.length === 0 ? [] : ['', ...lines];
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
