/** The demo's script: what happens, in which order, and what must come of it. */
import type { RatioKind } from '../../src/config/ratios.ts';
import type { Act } from './stage.ts';

const QUIET = 'mirror at 0';
const MIRRORING = 'mirroring';
const OUTAGE = 'new host down';

const all = (...kinds: readonly RatioKind[]) => kinds.map((kind) => `mirror/${kind}`);

function turning(title: string, weight: number, keys: readonly string[], value: number): Act {
  return {
    title,
    weight,
    period: MIRRORING,
    async play(stage, seconds) {
      for (const key of keys) await stage.turn(key, value);
      await stage.hold(seconds);
    },
  };
}

/** The acts for a cluster whose shard `apart` gets a ratio of its own for a while. */
export function script(apart: string): readonly Act[] {
  return [
    {
      title: 'Relay everything, mirror nothing',
      weight: 9,
      period: QUIET,
      play: (stage, seconds) => stage.hold(seconds),
    },
    turning('Reads at 25 %', 8, all('reads'), 25),
    turning('Reads at 100 %', 9, all('reads'), 100),
    turning('Writes and deletes at 25 %: whole folders, picked by key', 8, all('writes', 'deletes'), 25),
    turning('Writes and deletes at 100 %: all traffic on both clusters', 11, all('writes', 'deletes'), 100),
    turning(`Shard ${apart} alone: reads at 10 %`, 6, [`shards/${apart}/mirror/reads`], 10),
    {
      title: 'A new host dies (kill -9)',
      weight: 11,
      period: OUTAGE,
      async play(stage, seconds) {
        await stage.killNewHost();
        await stage.hold(seconds);
      },
    },
    {
      title: 'The host is back: one probe, then step by step',
      weight: 9,
      period: MIRRORING,
      async play(stage, seconds) {
        await stage.reviveNewHost();
        await stage.hold(seconds);
      },
    },
    {
      title: `Shard ${apart} follows the others again: everything at 100 %`,
      weight: 8,
      period: MIRRORING,
      async play(stage, seconds) {
        await stage.unset(`shards/${apart}/mirror/reads`, 'reads', 100);
        await stage.hold(seconds);
      },
    },
  ];
}
