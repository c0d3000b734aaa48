/** What a session of the old server begins with, and its clock: read of settings, zones and samples made by hand. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { beginningOf, type ServerZone, zoneMoments } from '../../src/mirror/global-settings.ts';
import { PrimaryClock, readingOf } from '../../src/mirror/primary-clock.ts';
import { PLAIN_BEGINNING } from '../../src/mirror/session-beginning.ts';
import { SessionState } from '../../src/mirror/session-state.ts';
import { SqlReader } from '../../src/sql/plan-cache.ts';
import { DEFAULT_SQL_MODE } from '../../src/sql/sql-mode.ts';

const sql = new SqlReader({ maxPlans: 100, seed: 1 });
const read = (text: Buffer, from: number) => {
  const plan = sql.read(text, from, text.length, DEFAULT_SQL_MODE);
  return { plan, lexed: sql.lexed };
};
const zone = (name: string, ...offsets: number[]): ServerZone => ({ name, offsets });
const UTC = zone('SYSTEM', 0, 0, 0);
const SUMMER = zone('SYSTEM', 3600, 7200, 3600);
const beginning = (
  variables: Record<string, string>,
  own: ServerZone = UTC,
  shadow: ServerZone | null = null,
) => beginningOf(new Map(Object.entries(variables)), { zone: own, shadow, names: null }, read);

const sessionOf = (begun: ReturnType<typeof beginning>) =>
  new SessionState(
    {
      ...{ database: null, collation: 45, status: 2, foundRows: false, defaultQuotes: null },
      beginning: begun,
    },
    (name) => name,
  );

describe('what a session begins with', () => {
  it('is carried to the lane until the session sets it itself', () => {
    const session = sessionOf(
      beginning({ auto_increment_increment: '2', group_concat_max_len: '1048576' }, zone('+02:00', 7200)),
    );
    expect(Object.fromEntries(session.context.variables)).toMatchObject({
      auto_increment_increment: '2',
      group_concat_max_len: '1048576',
      time_zone: "'+02:00'",
    });
    session.apply({ what: 'variable', name: 'time_zone', value: "'-01:00'" });
    expect(session.context.variables.get('time_zone')).toBe("'-01:00'");
    session.apply({ what: 'variable', name: 'time_zone', value: 'DEFAULT' });
    expect(session.context.variables.get('time_zone')).toBe("'+02:00'");
    expect(session.contextKnown).toBe(true);
  });

  it.each([
    ['a zone by name', zone('Europe/Berlin', 3600, 7200), null, "'Europe/Berlin'"],
    ['the machine’s, without summer time', zone('SYSTEM', 32_400, 32_400), null, "'+09:00'"],
    ['the machine’s, west of Greenwich', zone('SYSTEM', -12_600, -12_600), null, "'-03:30'"],
    ['summer time, as the new server has', SUMMER, SUMMER, "'SYSTEM'"],
    ['summer time, and another there', SUMMER, UTC, undefined],
    ['summer time, and nobody to ask', SUMMER, null, undefined],
    ['no whole minutes', zone('SYSTEM', 3601, 3601), null, undefined],
  ])('its time zone: %s', (_name, own, shadow, expected) => {
    const begun = beginning({}, own, shadow);
    expect(begun.settings.get('time_zone')).toBe(expected);
    const session = sessionOf(begun);
    expect(session.contextKnown).toBe(expected !== undefined);
    session.apply({ what: 'variable', name: 'time_zone', value: "'+00:00'" });
    expect(session.contextKnown).toBe(true);
  });

  it('asks for moments on both sides of every change of summer time', () => {
    const moments = zoneMoments(Date.UTC(2026, 10, 22) / 1000);
    const months = new Set(moments.map((moment) => new Date(moment * 1000).getUTCMonth()));
    expect(months.size).toBe(12);
    expect(Math.min(...moments)).toBeLessThan(Date.UTC(2017, 0) / 1000);
  });

  it('of a variable that the old server does not have, is what servers without it do', () => {
    const settings = Object.fromEntries(beginning({ lc_time_names: 'de_DE', unique_checks: 'OFF' }).settings);
    expect(settings).toMatchObject({
      ...{ lc_time_names: "'de_DE'", unique_checks: '0', check_constraint_checks: '1' },
      ...{ explicit_defaults_for_timestamp: '0', block_encryption_mode: "'aes-128-ecb'" },
    });
    expect(settings).not.toHaveProperty('sql_auto_is_null');
    expect(settings).not.toHaveProperty('character_set_client');
  });

  it.each([
    ['10.5.9-MariaDB', '', "'UTF8_IS_UTF8MB3'"],
    ['10.3.1-MariaDB', 'ZERO_DATE_TIME_CAST', "'ZERO_DATE_TIME_CAST,UTF8_IS_UTF8MB3'"],
    ['10.11.19-MariaDB', '', "''"],
    ['11.4.2-MariaDB', 'UTF8_IS_UTF8MB3', "'UTF8_IS_UTF8MB3'"],
  ])('old_mode of %s: “%s” is %s', (version, shown, sql) => {
    expect(beginning({ version, old_mode: shown }).settings.get('old_mode')).toBe(sql);
  });

  it('a setting that replays can’t have keeps a session from being replayed until it sets the usual one', () => {
    expect(beginning({ sql_auto_is_null: 'OFF', system_versioning_asof: 'DEFAULT' }).unknown).toEqual([]);
    const begun = beginning({ sql_auto_is_null: 'ON' });
    expect(begun.unknown).toEqual(['sql_auto_is_null']);
    const session = sessionOf(begun);
    const set = (value: string) => session.apply({ what: 'variable', name: 'sql_auto_is_null', value });
    expect(session.contextKnown).toBe(false);
    set('off');
    expect(session.contextKnown).toBe(true);
    set('DEFAULT');
    expect(session.contextKnown).toBe(false);
  });

  it('tells what DEFAULT means for the character sets', () => {
    const session = sessionOf(beginning({ character_set_client: 'latin1' }));
    session.apply({ what: 'variable', name: 'character_set_client', value: 'DEFAULT' });
    expect(session.context.variables.get('character_set_client')).toBe("'latin1'");
  });

  it('init_connect: what it sets is followed, and gone with COM_RESET_CONNECTION', () => {
    const session = sessionOf(
      beginning({
        init_connect: "SET NAMES latin1; SELECT 1; SET SESSION sql_mode = '', @x = 1;",
        foreign_key_checks: 'ON',
      }),
    );
    expect(session.context.names).toBe('SET NAMES latin1');
    expect(session.context.variables.get('sql_mode')).toBe("''");
    const fork = session.fork();
    expect(fork.context.id).toBe(session.context.id);
    session.reset();
    expect(session.context.names).not.toBe('SET NAMES latin1');
    expect(session.context.variables.get('sql_mode')).toBeUndefined();
  });

  it.each(['CALL greet()', 'SET NAMES latin1; CALL greet()', 'SET time_zone = (SELECT z FROM zones)'])(
    'init_connect that hides what it sets: nothing is replayed: %s',
    (text) => {
      expect(sessionOf(beginning({ init_connect: text })).contextKnown).toBe(false);
    },
  );

  it('plain: nothing is carried', () => {
    expect(sessionOf(PLAIN_BEGINNING).context.variables.size).toBe(0);
  });
});

describe('the primary’s clock', () => {
  it('is within the error of every honest sample, and of the best of them', () => {
    const delay = fc.double({ min: 0, max: 500, noNaN: true });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(delay, delay), { minLength: 1, maxLength: 8 }),
        fc.double({ min: -1e9, max: 1e9, noNaN: true }),
        (delays, ahead) => {
          let now = 1000;
          const samples = delays.map(([there, back]) => {
            const askedAtMs = now;
            const primaryMs = now + there + ahead;
            now += there + back;
            return { askedAtMs, answeredAtMs: now, primaryMs };
          });
          const clock = new PrimaryClock();
          expect(clock.learn(samples)).toBe(true);
          const at = clock.at(now)!;
          expect(Math.abs(at.offsetMs - ahead)).toBeLessThanOrEqual(at.errorMs + 1e-3);
          for (const sample of samples) {
            const reading = readingOf(sample);
            expect(Math.abs(reading.offsetMs - ahead)).toBeLessThanOrEqual(reading.errorMs + 1e-3);
          }
        },
      ),
    );
  });

  it('is surer the shorter the way, and less sure with age', () => {
    const clock = new PrimaryClock();
    expect(clock.at(0)).toBeNull();
    clock.learn([
      { askedAtMs: 0, answeredAtMs: 100, primaryMs: 5050 },
      { askedAtMs: 100, answeredAtMs: 102, primaryMs: 5101 },
    ]);
    const young = clock.at(102)!;
    const old = clock.at(60_102)!;
    expect(young).toMatchObject({ offsetMs: 5000 });
    expect(young.errorMs).toBeLessThan(1.1);
    expect(old.offsetMs).toBe(5000);
    expect(old.errorMs - young.errorMs).toBeCloseTo(60);
  });

  it('says when the primary’s clock was set', () => {
    const clock = new PrimaryClock();
    const sample = (atMs: number, ahead: number) => [
      { askedAtMs: atMs, answeredAtMs: atMs + 2, primaryMs: atMs + 1 + ahead },
    ];
    expect(clock.learn(sample(0, 5000))).toBe(true);
    expect(clock.learn(sample(60_000, 5040))).toBe(true);
    expect(clock.learn(sample(120_000, 6040))).toBe(false);
    expect(clock.at(120_002)?.offsetMs).toBe(6040);
  });
});
