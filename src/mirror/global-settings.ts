/** Reads out of the old server's global settings what a session begins with. */

import type { Lexed } from '../sql/lexed.ts';
import type { Plan } from '../sql/plan.ts';
import { CARRIED, FIXED, inWordsOfToday, isSameSetting, shownSql } from '../sql/session-variables.ts';
import { ISOLATION_VARIABLES, isolationOf } from './isolation.ts';
import { NAMES_VARIABLES } from './replay-context.ts';
import { type Handshake, PLAIN_BEGINNING, type SessionBeginning } from './session-beginning.ts';
import type { SessionEffect } from './session-effect.ts';
import { readEffects } from './session-effects.ts';

/** `time_zone` and sql_mode apart, which are told in other words than the server's. */
const CARRIED_AS_SHOWN = [...CARRIED].filter(
  ([name]) => !['sql_mode', 'time_zone', ...NAMES_VARIABLES].includes(name),
);

/** The global variables that `beginningOf` asks of the old server. */
export const BEGINNING_VARIABLES: readonly string[] = [
  'version',
  ...CARRIED.keys(),
  ...FIXED.keys(),
  ...ISOLATION_VARIABLES,
  'init_connect',
];

/** How a server's own time zone runs. */
export interface ServerZone {
  /** The global `time_zone`. */
  readonly name: string;
  /** Seconds that local time is ahead of UTC, at the moments of `zoneMoments`. */
  readonly offsets: readonly number[];
}

/** Reads a statement of a text as the house reads any; `lexed` is valid until the next call. */
export type ReadStatement = (sql: Buffer, from: number) => { readonly plan: Plan; readonly lexed: Lexed };

/** What a session of our own showed of the character sets that a session begins with. */
export interface NamesSeen {
  /** The collation with which it logged in, and the one that it had. */
  readonly asked: string;
  readonly given: string;
  /** Numbers of the server's collations. */
  readonly collations: ReadonlySet<number>;
  /** Databases of the shard to their default collations. */
  readonly databases: ReadonlyMap<string, string>;
}

/** What is read of a server besides its variables. */
export interface BeginningSeen {
  readonly zone: ServerZone;
  /** The new server's, null where it was not or can't be asked; it counts only where `isUnsaid`. */
  readonly shadow: ServerZone | null;
  /** Null: not asked. */
  readonly names: NamesSeen | null;
}

export function beginningOf(
  variables: ReadonlyMap<string, string>,
  { zone, shadow, names }: BeginningSeen,
  read: ReadStatement,
): SessionBeginning {
  const settings = new Map<string, string>();
  const today = inWordsOfToday(variables);
  for (const [name, variable] of CARRIED_AS_SHOWN) {
    const shown = today.get(name) ?? variable.usual;
    if (shown !== null) settings.set(name, shownSql(variable, shown));
  }
  const zoneValue = zoneFor(zone, shadow);
  if (zoneValue !== null) settings.set('time_zone', shownSql(CARRIED.get('time_zone')!, zoneValue));
  const effects = effectsOf(variables.get('init_connect') ?? '', read);
  const unknown = [
    ...(zoneValue === null ? ['time_zone'] : []),
    // It can't be seen into: any of them may have been set.
    ...(effects === null ? ['sql_mode', 'time_zone', 'character_set_client'] : []),
    ...unusual(variables),
  ];
  const level = ISOLATION_VARIABLES.map((name) => variables.get(name)).find((value) => value !== undefined);
  const isolation = level === undefined ? null : isolationOf(level);
  return {
    settings,
    names: namesOf(variables),
    unknown,
    effects: effects ?? [],
    isolation: effects === null ? null : isolation,
    handshake: names === null ? PLAIN_BEGINNING.handshake : handshakeOf(variables, effects, names),
    databases: names?.databases ?? null,
  };
}

/** Where init_connect has set them, or the server's own are those that were asked for, nothing is seen. */
function handshakeOf(
  variables: ReadonlyMap<string, string>,
  effects: readonly SessionEffect[] | null,
  { asked, given, collations }: NamesSeen,
): Handshake {
  const own = variables.get('collation_connection');
  if (given === asked && own !== asked) return { wish: 'taken', collations };
  return { wish: given === own && own !== asked && !setsNames(effects) ? 'ignored' : 'unknown', collations };
}

function setsNames(effects: readonly SessionEffect[] | null): boolean {
  if (effects === null) return true;
  return effects.some(
    (effect) =>
      effect.what === 'names' || (effect.what === 'variable' && NAMES_VARIABLES.includes(effect.name)),
  );
}

/** Variables under whose value nothing is replayed. */
function unusual(variables: ReadonlyMap<string, string>): string[] {
  return [...FIXED]
    .filter(([name, variable]) => {
      const shown = variables.get(name);
      if (shown === undefined || variable.usual === null) return false;
      return !isSameSetting(shownSql(variable, shown), shownSql(variable, variable.usual));
    })
    .map(([name]) => name);
}

function namesOf(variables: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const name of NAMES_VARIABLES) {
    const shown = variables.get(name);
    if (shown !== undefined) names.set(name, shownSql(CARRIED.get(name)!, shown));
  }
  return names;
}

/** It is its machine's and has summer time, or had: no offset says it. */
export function isUnsaid({ name, offsets }: ServerZone): boolean {
  const [first = 0] = offsets;
  return name === 'SYSTEM' && (first % 60 !== 0 || offsets.some((offset) => offset !== first));
}

/** The zone in words that mean the same on the new server; null: there are none. */
function zoneFor(zone: ServerZone, shadow: ServerZone | null): string | null {
  if (zone.name !== 'SYSTEM') return zone.name;
  if (!isUnsaid(zone)) return offsetText(zone.offsets[0] ?? 0);
  const alike = shadow !== null && shadow.offsets.join() === zone.offsets.join();
  return alike ? 'SYSTEM' : null;
}

function offsetText(seconds: number): string {
  const minutes = Math.abs(seconds) / 60;
  const two = (value: number): string => String(Math.floor(value)).padStart(2, '0');
  return `${seconds < 0 ? '-' : '+'}${two(minutes / 60)}:${two(minutes % 60)}`;
}

/** Null: it does what its text does not show. */
function effectsOf(initConnect: string, read: ReadStatement): SessionEffect[] | null {
  const effects: SessionEffect[] = [];
  const sql = Buffer.from(initConnect);
  for (let at = 0; at >= 0 && at < sql.length; ) {
    const { plan, lexed } = read(sql, at);
    if (plan.anyResults || plan.opaque || plan.hazards.has('any_effect')) return null;
    effects.push(...readEffects(plan, sql, lexed));
    at = lexed.next;
  }
  return effects;
}

const MONTH_S = 30 * 86_400;

/** Seconds since 1970: each month of the year before and behind, and summer and winter of the ten years before. */
export function zoneMoments(nowSeconds: number): number[] {
  const months = Array.from({ length: 25 }, (_, month) => nowSeconds + (month - 12) * MONTH_S);
  const years = Array.from({ length: 20 }, (_, half) => nowSeconds - (half + 2) * 6 * MONTH_S);
  return [...months, ...years].map((moment) => Math.max(0, Math.floor(moment)));
}
