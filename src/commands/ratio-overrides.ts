/** The ratios of single shards that outlive a change of the ratios of all. Pure. */
import { RATIO_KINDS } from '../config/ratios.ts';
import type { RatioChange, RatioState } from '../control/ratio-store.ts';
import { CONFIG_OPTION } from './command-context.ts';

/**
 * Lines that name each shard's own value that differs from the one just set for all, with the command
 * that takes it back; none where there is no such value. `state` is what is in force after `change`,
 * `config` the configuration file as it was given.
 */
export function overrideWarnings(change: RatioChange, state: RatioState, config: string): string[] {
  if (change.shard !== undefined) return [];
  const suffix = config === CONFIG_OPTION.fallback ? '' : ` --config ${shellWord(config)}`;
  const lines = Object.keys(state.shards).flatMap((shard) =>
    RATIO_KINDS.flatMap((kind) => {
      const own = state.overrides[shard]?.[kind];
      const wanted = change.set[kind];
      if (own === undefined || wanted === undefined || own === wanted) return [];
      return [
        `  ${shard} ${kind}=${own}, not ${wanted}; take it back: understudy ratio unset ${kind} --shard ${shard}${suffix}`,
      ];
    }),
  );
  if (lines.length === 0) return [];
  const set = RATIO_KINDS.filter((kind) => change.set[kind] !== undefined);
  const again = set.map((kind) => `${kind}=${change.set[kind]}`).join(' ');
  return [
    'warning: what was set is not in force everywhere; shards keep ratios of their own:',
    ...lines,
    `  all at once: understudy ratio set ${again} --all${suffix}`,
  ];
}

function shellWord(text: string): string {
  return /^[\w./:@+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
