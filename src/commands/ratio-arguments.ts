/** Reads the arguments of `ratio set` and `ratio unset`; every fault is told at once, with its remedy. */
import { UsageError } from '../base/errors.ts';
import { RATIO_KINDS, type RatioKind } from '../config/ratios.ts';
import { parsePercent } from '../control/parse-percent.ts';
import type { RatioChange } from '../control/ratio-store.ts';
import { sanitize } from '../control/sanitize.ts';

const KINDS = RATIO_KINDS.join(', ');
/** Of 1024 shards, as many as help. */
const SHARDS_SHOWN = 32;

/** `texts` are like `reads=25`. Throws UsageError. */
export function readSetArguments(
  texts: readonly string[],
  shard: string | undefined,
  known: readonly string[],
  overrides: RatioChange['overrides'] = 'kept',
): RatioChange {
  const faults = shardFaults(shard, known);
  if (shard !== undefined && overrides === 'removed') {
    faults.push('--all and --shard contradict each other; give one of them');
  }
  if (texts.length === 0) faults.push('nothing to set; write for example: reads=25 writes=100 deletes=100');
  const set: { [kind in RatioKind]?: number } = {};
  for (const text of texts) {
    const [, name, value] = /^([^=]*)=(.*)$/s.exec(text) ?? [];
    const kind = findKind(name ?? text);
    if (name === undefined || value === undefined) {
      faults.push(`"${sanitize(text)}": has no "="; write it as ${kind ?? 'reads'}=25`);
      continue;
    }
    const parsed = parsePercent(value);
    if (kind === undefined) faults.push(`"${sanitize(text)}": ${unknownKind(name)}`);
    else if (set[kind] !== undefined)
      faults.push(`"${sanitize(text)}": ${kind} is already there; give it once`);
    if (!parsed.ok) {
      faults.push(`"${sanitize(text)}": the value ${parsed.reason}; give 0 to 100 with at most two decimals`);
    } else if (kind !== undefined) {
      set[kind] ??= parsed.percent;
    }
  }
  if (faults.length > 0) throw new UsageError(faults.join('\n'));
  return { shard, set, unset: [], overrides };
}

/** `texts` are kinds. Throws UsageError. */
export function readUnsetArguments(
  texts: readonly string[],
  shard: string | undefined,
  known: readonly string[],
): RatioChange {
  const faults = shardFaults(shard, known);
  if (texts.length === 0) faults.push(`nothing to unset; name one or more of ${KINDS}`);
  const unset = new Set<RatioKind>();
  for (const text of texts) {
    const kind = findKind(text);
    if (kind === undefined) faults.push(`"${sanitize(text)}": ${unknownKind(text)}`);
    else unset.add(kind);
  }
  if (faults.length > 0) throw new UsageError(faults.join('\n'));
  return { shard, set: {}, unset: [...unset], overrides: 'kept' };
}

function findKind(name: string): RatioKind | undefined {
  return RATIO_KINDS.find((kind) => kind === name);
}

function unknownKind(name: string): string {
  return `"${sanitize(name)}" is no kind of statement; use one of ${KINDS}`;
}

function shardFaults(shard: string | undefined, known: readonly string[]): string[] {
  if (shard === undefined || known.includes(shard)) return [];
  const more = known.length > SHARDS_SHOWN ? ` and ${known.length - SHARDS_SHOWN} more` : '';
  return [
    `--shard "${sanitize(shard)}": is no shard of the configuration; it has ${known.slice(0, SHARDS_SHOWN).join(', ')}${more}`,
  ];
}
