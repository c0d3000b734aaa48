/** What a lane writes, in which pieces, and what it makes of answers that come, do not come, or say no. */
import { describe, expect, it } from 'vitest';
import { Lane, type UnitResult } from '../../src/mirror/lane.ts';
import { LaneLink } from '../../src/mirror/lane-link.ts';
import { makeContext } from '../../src/mirror/replay-context.ts';
import { Scheduler } from '../../src/mirror/scheduler.ts';
import type { ShadowSession } from '../../src/mirror/shadow-dialect.ts';
import type { Replay } from '../../src/mirror/unit.ts';
import { COM } from '../../src/wire/protocol.ts';
import { FakeShadow } from '../harness/fake-shadow.ts';
import { replayOf, unitOf } from '../harness/mirror-kit.ts';

interface Rig {
  readonly shadow: FakeShadow;
  readonly lane: Lane;
  readonly ends: string[];
  /** How units ended, in that order. */
  readonly results: UnitResult[];
  /** Units that the lane gets as soon as it can take them. */
  run(...units: readonly (readonly Replay[])[]): Promise<void>;
  answer(...errnos: readonly number[]): Promise<void>;
}

/** Whatever is sent or waited for in this turn of the event loop is so. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

/** What the shadow says that its sessions begin with; null: nothing. */
function createRig(begun: ShadowSession['begun'] = null): Rig {
  const shadow = new FakeShadow();
  const scheduler = new Scheduler({ statements: 1000, bytes: 1 << 20 });
  const ends: string[] = [];
  const refused = new Set<string>();
  const results: UnitResult[] = [];
  const link = new LaneLink(
    shadow.socket,
    7,
    () => 0,
    (_end, reason) => ends.push(reason),
  );
  const kick = (): void => {
    while (ends.length === 0 && lane.canTake(4) && scheduler.peek() !== null) lane.run(scheduler.take()!);
  };
  const lane: Lane = new Lane(
    link,
    { preparedStatements: 10, shadow: { kind: 'mariadb', begun, refused } },
    {
      free: kick,
      done: (scheduled, result) => {
        results.push(result);
        scheduler.finish(scheduled);
        kick();
      },
      refuses: (variable) => refused.add(variable),
    },
  );
  return {
    shadow,
    lane,
    ends,
    results,
    run(...units) {
      for (const replays of units) scheduler.offer(unitOf(replays));
      kick();
      return turn();
    },
    answer(...errnos) {
      shadow.answer(...errnos);
      return turn();
    },
  };
}

/** By another name in each unit, so that the writes can be told apart. */
const write = (name: string, context = makeContext(null, null, new Map())): Replay =>
  replayOf(`DELETE FROM ${name} WHERE folderid = 1`, { context, keys: [name] });
const sqlOf = (name: string): string => `DELETE FROM ${name} WHERE folderid = 1`;
const pair = (name: string): Replay[] => [write(`${name}1`), write(`${name}2`)];
const pairSql = (name: string): string[] => [sqlOf(`${name}1`), sqlOf(`${name}2`)];
const brief = ({ outcome, errno }: UnitResult): string => `${outcome} ${errno}`;

describe('what a lane writes', () => {
  it('of transactions in a row: the mode once, and each COMMIT with the statements of the next', async () => {
    const rig = createRig();
    await rig.run(pair('a'), pair('b'), pair('c'));
    await rig.answer(0, 0, 0);
    await rig.answer(0, 0, 0);
    expect(rig.results.map(brief)).toEqual(['answered 0']);
    await rig.answer(0, 0, 0);
    await rig.answer(0);
    expect(rig.shadow.writes).toEqual([
      ['SET autocommit = 0', ...pairSql('a')],
      ['COMMIT', ...pairSql('b')],
      ['COMMIT', ...pairSql('c')],
      ['COMMIT'],
    ]);
    expect(rig.results.map(brief)).toEqual(['answered 0', 'answered 0', 'answered 0']);
  });

  it('of a single statement behind a transaction: its own COMMIT; of more of them the other mode', async () => {
    const rig = createRig();
    await rig.run(pair('t'));
    await rig.answer(0, 0, 0);
    await rig.answer(0);
    await rig.run([write('a')]);
    await rig.run([write('b')], [write('c')]);
    await rig.answer(0, 0, 0, 0, 0);
    await rig.run(pair('u'));
    expect(rig.shadow.writes.slice(2)).toEqual([
      [sqlOf('a'), 'COMMIT'],
      ['SET autocommit = 1', sqlOf('b'), sqlOf('c')],
      ['SET autocommit = 0', ...pairSql('u')],
    ]);
    expect(rig.results.map(brief)).toEqual(Array.from({ length: 4 }, () => 'answered 0'));
  });

  it('of a context that is new here: the statements once it was taken; of a known one all at once', async () => {
    const rig = createRig();
    const [strict, lax] = ["'STRICT_ALL_TABLES'", "''"].map((mode) =>
      makeContext('one', null, new Map([['sql_mode', mode]])),
    );
    await rig.run([write('a', strict)]);
    await rig.answer(0, 0, 0);
    await rig.answer(0);
    await rig.run([write('b', lax)]);
    await rig.answer(0);
    await rig.answer(0);
    await rig.run([write('c', strict)], [write('d', lax)]);
    expect(rig.shadow.writes).toEqual([
      ['SET autocommit = 1', 'USE one', "SET SESSION sql_mode = 'STRICT_ALL_TABLES'"],
      [sqlOf('a')],
      ["SET SESSION sql_mode = ''"],
      [sqlOf('b')],
      ["SET SESSION sql_mode = 'STRICT_ALL_TABLES'", sqlOf('c'), "SET SESSION sql_mode = ''", sqlOf('d')],
    ]);
  });

  it('where the shadow begins otherwise: sets what differs, goes back to what it began with', async () => {
    const rig = createRig(
      new Map([
        ['default_week_format', '5'],
        ['sql_auto_is_null', '1'],
        ['unique_checks', '1'],
      ]),
    );
    const begun = { default_week_format: '0', unique_checks: '1', check_constraint_checks: '1' };
    const context = (settings: object) =>
      makeContext('one', null, new Map(Object.entries({ ...begun, ...settings })), 'mariadb');
    await rig.run([write('a', context({}))]);
    await rig.answer(0, 0, 0);
    await rig.answer(0);
    await rig.run([write('b', context({ unique_checks: '0', check_constraint_checks: '0' }))]);
    await rig.answer(0);
    await rig.answer(0);
    await rig.run([write('c', context({ default_week_format: '5' }))]);
    await rig.answer(0);
    await rig.answer(0);
    expect(rig.shadow.writes).toEqual([
      ['SET autocommit = 1', 'USE one', 'SET SESSION default_week_format = 0, SESSION sql_auto_is_null = 0'],
      [sqlOf('a')],
      ['SET SESSION unique_checks = 0'],
      [sqlOf('b')],
      ['SET SESSION default_week_format = 5, SESSION unique_checks = 1'],
      [sqlOf('c')],
    ]);
    // The shadow has no check_constraint_checks: as if on.
    expect(rig.results.map(({ results }) => results[0]?.unfaithful)).toEqual([false, true, false]);
  });

  it('with a variable that the shadow does not let us set: one unit fails, the next do without it, in doubt', async () => {
    const rig = createRig(
      new Map([
        ['explicit_defaults_for_timestamp', '1'],
        ['default_week_format', '0'],
      ]),
    );
    const context = (week: string) =>
      makeContext(
        null,
        null,
        new Map([
          ['explicit_defaults_for_timestamp', '0'],
          ['default_week_format', week],
        ]),
        'mariadb',
      );
    await rig.run([write('a', context('1'))]);
    await rig.answer(0, 1227);
    await rig.answer(0, 0, 1227);
    await rig.answer(0);
    await rig.run([write('b', context('1'))]);
    while (rig.shadow.unanswered > 0) await rig.answer(0);
    await rig.run([write('c', context('2'))]);
    while (rig.shadow.unanswered > 0) await rig.answer(0);
    expect(rig.shadow.writes).toEqual([
      [
        'SET autocommit = 1',
        'SET SESSION default_week_format = 1, SESSION explicit_defaults_for_timestamp = 0',
      ],
      [
        `command ${COM.RESET_CONNECTION}`,
        'SET SESSION default_week_format = 1',
        'SET SESSION explicit_defaults_for_timestamp = 0',
      ],
      [`command ${COM.RESET_CONNECTION}`],
      ['SET autocommit = 1', 'SET SESSION default_week_format = 1'],
      [sqlOf('b')],
      ['SET SESSION default_week_format = 2'],
      [sqlOf('c')],
    ]);
    expect(rig.ends).toEqual([]);
    expect(rig.results.map(brief)).toEqual(['answered 1227', 'answered 0', 'answered 0']);
    expect(rig.results.slice(1).map(({ results }) => results[0]?.unfaithful)).toEqual([true, true]);
  });

  it('of another database: the statements behind its answer, however well it is known', async () => {
    const rig = createRig();
    const [one, two] = ['one', 'two'].map((name) => makeContext(name, null, new Map()));
    for (const context of [one, two, one]) {
      await rig.run([write('a', context)]);
      while (rig.shadow.unanswered > 0) await rig.answer(0);
    }
    expect(rig.shadow.writes).toEqual([
      ['SET autocommit = 1', 'USE one'],
      [sqlOf('a')],
      ['USE two'],
      [sqlOf('a')],
      ['USE one'],
      [sqlOf('a')],
    ]);
  });
});

describe('a unit that fails', () => {
  it('is rolled back with all that was sent behind it, and the next one follows at once', async () => {
    const rig = createRig();
    await rig.run(pair('a'), pair('b'));
    await rig.answer(0, 1213, 0);
    expect(rig.shadow.writes[1]).toEqual(['ROLLBACK', ...pairSql('b')]);
    await rig.answer(0, 0, 0);
    await rig.answer(0);
    expect(rig.results.map(brief)).toEqual(['rolled_back 1213', 'answered 0']);
  });

  it('at its COMMIT is kept in no part', async () => {
    const rig = createRig();
    await rig.run(pair('a'));
    await rig.answer(0, 0, 0);
    await rig.answer(1180);
    await rig.run([write('single')]);
    await rig.answer(0, 1180);
    expect(rig.results.map(brief)).toEqual(['rolled_back 1180', 'rolled_back 1180']);
  });

  it('by a mode that is refused takes the lane with it: what ran behind that is not known', async () => {
    const rig = createRig();
    await rig.run(pair('a'));
    await rig.answer(1193, 0, 0);
    expect(rig.results.map(brief)).toEqual(['lost 0']);
    expect(rig.ends).toEqual(['the shadow refused a setting: error 1193']);
  });

  it('by a context that was taken before takes the lane with it', async () => {
    const rig = createRig();
    const [one, two] = ['one', 'two'].map((value) => makeContext(null, null, new Map([['sql_mode', value]])));
    for (const context of [one, two]) {
      await rig.run([write('a', context)]);
      while (rig.shadow.unanswered > 0) await rig.answer(0);
    }
    await rig.run([write('b', one)]);
    await rig.answer(1231);
    expect(rig.results.map(brief)).toEqual(['answered 0', 'answered 0', 'lost 0']);
  });
});

describe('a connection that ends', () => {
  /** Two transactions, then a single statement among them; their answers come one by one. */
  const ANSWERS = 1 + 2 + 1 + 2 + 1 + 1 + 1;

  it.each(Array.from({ length: ANSWERS + 1 }, (_, index) => index))(
    'behind %i answers leaves a unit done, or lost where its COMMIT had no answer',
    async (answers) => {
      const rig = createRig();
      await rig.run(pair('a'), pair('b'), [write('single')]);
      for (let count = 0; count < answers; count++) await rig.answer(0);
      rig.shadow.emit('close');
      await turn();
      const done = [4, 7, 9].filter((commit) => answers >= commit).length;
      const expected = ['answered 0', 'answered 0', 'answered 0'].map((end, index) =>
        index < done ? end : 'lost 0',
      );
      // What the lane had not taken yet is another lane's.
      expect(rig.results.map(brief)).toEqual(expected.slice(0, rig.results.length));
      expect(rig.results.length).toBeGreaterThanOrEqual(Math.min(3, done + 1));
      expect(rig.lane.load).toBe(0);
    },
  );
});
