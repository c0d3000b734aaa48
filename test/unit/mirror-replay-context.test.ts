/** Lane and session as a server would see them: what is sent to a lane must leave it just as the session is. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  contextStatements,
  EMPTY_CONTEXT,
  makeContext,
  type ReplayContext,
} from '../../src/mirror/replay-context.ts';
import type { SessionEffect } from '../../src/mirror/session-effect.ts';
import { SessionState } from '../../src/mirror/session-state.ts';
import { CARRIED } from '../../src/sql/session-variables.ts';

const DEFAULT_NAMES = 'SET NAMES utf8mb4';
const CLIENT = 'character_set_client';
const CONNECTION = 'character_set_connection';
const RESULTS = 'character_set_results';
const COLLATION = 'collation_connection';

/** A server's session variables, as far as SET NAMES and SET SESSION go. */
class ModelServer {
  readonly variables = new Map<string, string>();

  constructor() {
    for (const name of CARRIED.keys()) this.variables.set(name, `default ${name}`);
    this.run(DEFAULT_NAMES);
  }

  run(statement: string): void {
    const names = /^SET NAMES (\w+)$/.exec(statement)?.[1];
    if (names !== undefined) {
      for (const name of [CLIENT, CONNECTION, RESULTS]) this.variables.set(name, names);
      this.variables.set(COLLATION, `${names}_default`);
      return;
    }
    expect(statement).toMatch(/^SET SESSION /);
    for (const part of statement.slice('SET '.length).split(', ')) this.#assign(part);
  }

  /** Collation and character set of the connection go together, as on a real server. */
  #assign(part: string): void {
    const [, name, written] = /^SESSION (\w+) = (\w+)$/.exec(part) ?? [];
    if (name === undefined || written === undefined) throw new Error(`not an assignment: ${part}`);
    const value = written === 'DEFAULT' ? `default ${name}` : written;
    this.variables.set(name, value);
    if (name === CONNECTION) this.variables.set(COLLATION, `${value}_default`);
    if (name === COLLATION) this.variables.set(CONNECTION, value.replace(/_\w+$/, ''));
  }

  get state(): Record<string, string> {
    return Object.fromEntries(this.variables);
  }
}

const charset = fc.constantFrom('latin1', 'gbk', 'utf8mb4');
const names: fc.Arbitrary<SessionEffect> = charset.map((name) => ({
  what: 'names',
  statement: `SET NAMES ${name}`,
  charset: name,
}));
const variable = (name: string, values: fc.Arbitrary<string>): fc.Arbitrary<SessionEffect> =>
  fc
    .oneof({ weight: 4, arbitrary: values }, { weight: 1, arbitrary: fc.constant('DEFAULT') })
    .map((value) => ({
      what: 'variable',
      name,
      value,
    }));
const effects = fc.array(
  fc.oneof(
    names,
    variable(CLIENT, charset),
    variable(CONNECTION, charset),
    variable(RESULTS, charset),
    variable(
      COLLATION,
      charset.map((name) => `${name}_bin`),
    ),
    variable('sql_mode', fc.constantFrom('ANSI', 'TRADITIONAL')),
    variable('time_zone', fc.constantFrom('SYSTEM', 'UTC')),
    variable('foreign_key_checks', fc.constantFrom('0', '1')),
  ),
  { maxLength: 8 },
);

const LOGIN = { database: null, collation: 45, status: 2, foundRows: false, defaultQuotes: null };

/** A session's context, and what the session's own server holds. */
function sessionAfter(changes: readonly SessionEffect[]): { context: ReplayContext; server: ModelServer } {
  const session = new SessionState(LOGIN, (name) => name);
  const server = new ModelServer();
  for (const change of [
    { what: 'names', statement: DEFAULT_NAMES, charset: 'utf8mb4' } as const,
    ...changes,
  ]) {
    session.apply(change);
    if (change.what === 'names') server.run(change.statement);
    else if (change.what === 'variable') server.run(`SET SESSION ${change.name} = ${change.value}`);
  }
  return { context: session.context, server };
}

describe('the replay context', () => {
  it('brings a lane from any session to any other', () => {
    fc.assert(
      fc.property(fc.array(effects, { minLength: 1, maxLength: 4 }), (sessions) => {
        const lane = new ModelServer();
        let at = EMPTY_CONTEXT;
        for (const changes of sessions) {
          const { context, server } = sessionAfter(changes);
          for (const statement of contextStatements(at, context, DEFAULT_NAMES)) lane.run(statement);
          at = context;
          expect(lane.state).toEqual(server.state);
        }
      }),
      { numRuns: 400 },
    );
  });

  it('sends nothing to a lane that is there already', () => {
    fc.assert(
      fc.property(effects, (changes) => {
        const { context } = sessionAfter(changes);
        expect(contextStatements(context, context, DEFAULT_NAMES)).toEqual([]);
      }),
    );
  });

  it('sends only what differs', () => {
    const from = makeContext(
      null,
      'SET NAMES gbk',
      new Map([
        ['sql_mode', "'A'"],
        ['time_zone', "'UTC'"],
      ]),
    );
    const to = makeContext(
      null,
      'SET NAMES gbk',
      new Map([
        ['sql_mode', "'B'"],
        ['time_zone', "'UTC'"],
      ]),
    );
    expect(contextStatements(from, to, DEFAULT_NAMES)).toEqual(["SET SESSION sql_mode = 'B'"]);
  });

  it('goes back to the default names', () => {
    const from = makeContext(null, 'SET NAMES gbk', new Map([['sql_mode', "'A'"]]));
    expect(contextStatements(from, EMPTY_CONTEXT, DEFAULT_NAMES)).toEqual([
      DEFAULT_NAMES,
      'SET SESSION sql_mode = DEFAULT',
    ]);
  });

  it('is known by what is in it, in whatever order it came', () => {
    const one = makeContext(
      'db',
      null,
      new Map([
        ['a', '1'],
        ['b', '2'],
      ]),
    );
    const same = makeContext(
      'db',
      null,
      new Map([
        ['b', '2'],
        ['a', '1'],
      ]),
    );
    expect(same.id).toBe(one.id);
    const others = [
      makeContext(null, null, one.variables),
      makeContext('db', 'SET NAMES gbk', one.variables),
      makeContext('db', null, new Map([['a', '1']])),
    ];
    expect(new Set([one, ...others].map(({ id }) => id)).size).toBe(4);
  });
});
