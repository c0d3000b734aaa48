/**
 * Conversations made up at random, written by an encoder of the tests, cut at random: both readers stay in
 * step and find what the conversation was made of.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { CAPABILITY, MARIADB_CAPABILITY } from '../../src/wire/capabilities.ts';
import { column, eof, err, lenenc, ok, prepareOk, progress, run, stream } from '../harness/packet-writer.ts';
import { createRandom } from '../harness/random.ts';
import { takeSeed } from '../harness/seed.ts';
import { Conversation, cutAtRandom, NO_CAPABILITIES, summaryOf } from '../harness/wire-replay.ts';
import type { ExpectedExchange, ExpectedResult, Run } from '../harness/wire-session.ts';

const MORE = 0x8;
const RUNS = 250;
const seed = takeSeed('conversations');

interface Form {
  readonly deprecateEof: boolean;
  readonly metadata: 'always' | 'optional' | 'cached';
}
/** `end` tells how the rows end: an ERR with this number, or 0. */
type Result =
  | {
      readonly is: 'ok';
      readonly affectedRows: number;
      readonly insertId: number;
      readonly warnings: number;
      readonly tail: number;
    }
  | { readonly is: 'err'; readonly errno: number }
  | {
      readonly is: 'rows';
      readonly columns: number;
      readonly rows: readonly Buffer[];
      readonly end: number;
      readonly described: boolean;
      readonly reports: boolean;
    };
type Command =
  | {
      readonly is: 'results';
      readonly type: number;
      readonly size: number;
      readonly results: readonly Result[];
    }
  | { readonly is: 'single'; readonly type: number; readonly result: Result }
  | { readonly is: 'none'; readonly type: number; readonly size: number }
  | { readonly is: 'prepare'; readonly columns: number; readonly parameters: number; readonly errno: number }
  | { readonly is: 'fetch'; readonly rows: readonly Buffer[]; readonly end: number }
  | { readonly is: 'fields'; readonly columns: number; readonly errno: number }
  | { readonly is: 'infile'; readonly lines: readonly number[]; readonly result: Result }
  | { readonly is: 'authentication'; readonly rounds: number; readonly result: Result };

const count = fc.oneof(fc.nat(300), fc.nat({ max: 0xff_ffff }), fc.nat({ max: 2 ** 31 - 1 }));
const errno = fc.integer({ min: 1, max: 0xfffe });
const okResult = fc.record({
  is: fc.constant('ok' as const),
  affectedRows: count,
  insertId: count,
  warnings: fc.nat({ max: 0xffff }),
  tail: fc.oneof(fc.constant(0), fc.nat(40), fc.constant(2000)),
});
const errResult = fc.record({ is: fc.constant('err' as const), errno });
const textValue = fc.oneof(
  { weight: 6, arbitrary: fc.nat(30) },
  { weight: 1, arbitrary: fc.constantFrom(250, 251, 252, 253, 254, 255, 0xffff, 0x1_0000) },
  { weight: 1, arbitrary: fc.constant(-1) },
);
const textRows = fc.array(
  fc
    .array(textValue, { minLength: 1, maxLength: 3 })
    .map((lengths) =>
      Buffer.concat(
        lengths.flatMap((length) =>
          length < 0 ? [Buffer.of(0xfb)] : [lenenc(length), Buffer.alloc(length, 0xfe)],
        ),
      ),
    ),
  { maxLength: 8 },
);
const manyRows = fc
  .integer({ min: 200, max: 600 })
  .map((rows) => Array.from({ length: rows }, () => Buffer.of(1, 0x78)));
const binaryRows = fc.array(
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from([0, ...bytes])),
  { maxLength: 8 },
);
const end = fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: errno });
const rowsOf = (rows: fc.Arbitrary<Buffer[]>) =>
  fc.record({
    is: fc.constant('rows' as const),
    columns: fc.oneof(fc.integer({ min: 1, max: 4 }), fc.constantFrom(250, 251, 300)),
    rows,
    end,
    described: fc.boolean(),
    reports: fc.boolean(),
  });
const textResult = fc.oneof(
  { weight: 3, arbitrary: okResult },
  { weight: 1, arbitrary: errResult },
  { weight: 3, arbitrary: rowsOf(textRows) },
  { weight: 1, arbitrary: rowsOf(manyRows) },
);
const binaryResult = fc.oneof(okResult, errResult, rowsOf(binaryRows));
const several = <T>(result: fc.Arbitrary<T>) =>
  fc.oneof(
    { weight: 3, arbitrary: result.map((one) => [one]) },
    { weight: 1, arbitrary: fc.array(result, { minLength: 2, maxLength: 5 }) },
  );
const ends = fc.oneof(okResult, errResult);

const command: fc.Arbitrary<Command> = fc.oneof(
  fc.record({
    is: fc.constant('results' as const),
    type: fc.constantFrom(0x03, 0x0a),
    size: fc.nat(400),
    results: several(textResult),
  }),
  fc.record({
    is: fc.constant('results' as const),
    type: fc.constantFrom(0x17, 0xfa),
    size: fc.nat(400),
    results: several(binaryResult),
  }),
  fc.record({
    is: fc.constant('single' as const),
    type: fc.constantFrom(0x02, 0x0e, 0x1a, 0x1b, 0x1f, 0x0b),
    result: ends,
  }),
  fc.record({ is: fc.constant('none' as const), type: fc.constantFrom(0x18, 0x19), size: fc.nat(3000) }),
  fc.record({ is: fc.constant('prepare' as const), columns: fc.nat(5), parameters: fc.nat(5), errno: end }),
  fc.record({ is: fc.constant('fetch' as const), rows: binaryRows, end }),
  fc.record({ is: fc.constant('fields' as const), columns: fc.nat(5), errno: end }),
  fc.record({
    is: fc.constant('infile' as const),
    lines: fc.array(fc.integer({ min: 1, max: 300 }), { maxLength: 4 }),
    result: ends,
  }),
  fc.record({ is: fc.constant('authentication' as const), rounds: fc.nat(3), result: ends }),
);
const form: fc.Arbitrary<Form> = fc.record({
  deprecateEof: fc.boolean(),
  metadata: fc.constantFrom('always' as const, 'optional' as const, 'cached' as const),
});

/** Writes one side's replies, and notes what they say. */
class Writer {
  readonly runs: Run[] = [];
  readonly expected: ExpectedExchange[] = [];
  readonly #form: Form;

  constructor(form: Form) {
    this.#form = form;
  }

  /** With `ahead` the commands that take no data of the client go out before any reply. */
  write(commands: readonly Command[], ahead: boolean): void {
    const waiting: Run[] = [];
    for (const one of commands) {
      const runs = this.#exchange(one);
      const talks = one.is === 'infile' || one.is === 'authentication';
      if (talks || !ahead) this.runs.push(...waiting.splice(0));
      this.runs.push(runs[0] as Run);
      if (talks || !ahead) this.runs.push(...runs.slice(1));
      else waiting.push(...runs.slice(1));
    }
    this.runs.push(...waiting);
  }

  #exchange(one: Command): Run[] {
    switch (one.is) {
      case 'results':
        return this.#results(one.type, one.size, one.results);
      case 'single':
        return this.#answer(one.type, 3, [this.#written(one.result, false)], {
          results: [said(one.result, false)],
        });
      case 'none':
        return this.#answer(one.type, one.size, [], { results: [] });
      case 'prepare':
        return this.#prepare(one.columns, one.parameters, one.errno);
      case 'fetch': {
        const result: Result = {
          is: 'rows',
          columns: 0,
          rows: one.rows,
          end: one.end,
          described: false,
          reports: false,
        };
        return this.#answer(0x1c, 9, [[...one.rows, this.#end(one.end, false)]], {
          results: [said(result, false)],
        });
      }
      case 'fields': {
        const result: ExpectedResult = { ...NOTHING, ok: one.errno === 0, errno: one.errno };
        return this.#answer(0x04, 3, [[...columns(one.columns), this.#end(one.errno, false)]], {
          results: [ended(result)],
        });
      }
      case 'infile':
        return this.#infile(one.lines, one.result);
      case 'authentication':
        return this.#authentication(one.rounds, one.result);
    }
  }

  #results(type: number, size: number, results: readonly Result[]): Run[] {
    const failing = results.findIndex(
      (result) => result.is === 'err' || (result.is === 'rows' && result.end !== 0),
    );
    const sent = failing < 0 ? results : results.slice(0, failing + 1);
    const more = (index: number): boolean => index < sent.length - 1;
    const payloads = sent.map((result, index) => this.#written(result, more(index)));
    return this.#answer(type, size, payloads, {
      results: sent.map((result, index) => said(result, more(index))),
    });
  }

  #prepare(columnCount: number, parameters: number, errno: number): Run[] {
    const after = this.#form.deprecateEof ? [] : [eof({ status: 2 })];
    const flag = this.#form.metadata === 'optional' ? 1 : null;
    const groups = [parameters, columnCount].map((many) => (many === 0 ? [] : [...columns(many), ...after]));
    const reply =
      errno === 0 ? [prepareOk(7, columnCount, parameters, flag), ...groups.flat()] : [err(errno)];
    const status = errno === 0 && after.length > 0 && parameters + columnCount > 0 ? 2 : 0;
    const result = ended({ ...NOTHING, ok: errno === 0, errno, status });
    return this.#answer(0x16, 20, [reply], {
      results: [result],
      statement: errno === 0 ? { id: 7, parameters } : null,
    });
  }

  #infile(lines: readonly number[], result: Result): Run[] {
    this.expected.push({ type: 3, results: [said(result, false)], statement: null, localInfile: true });
    const file = [...lines.map((length) => Buffer.alloc(length, 0x03)), Buffer.alloc(0)];
    return [
      run('client', [Buffer.from('\x03LOAD')], 0),
      run('server', [Buffer.from('\xfbname', 'latin1')], 1),
      run('client', file, 2),
      run('server', this.#written(result, false), 2 + file.length),
    ];
  }

  #authentication(rounds: number, result: Result): Run[] {
    this.expected.push({ type: 0x11, results: [said(result, false)], statement: null, localInfile: false });
    const runs = [run('client', [Buffer.from('\x11user\0\0d\0')], 0)];
    for (let round = 0; round < rounds; round += 1) {
      runs.push(run('server', [Buffer.from('\xfeplugin\0x', 'latin1')], 2 * round + 1));
      runs.push(run('client', [Buffer.alloc(round * 10, 0x03)], 2 * round + 2));
    }
    return [...runs, run('server', this.#written(result, false), 2 * rounds + 1)];
  }

  #answer(
    type: number,
    size: number,
    payloads: readonly Buffer[][],
    expected: Partial<ExpectedExchange>,
  ): Run[] {
    this.expected.push({ type, results: [], statement: null, localInfile: false, ...expected });
    const sent = run('client', [Buffer.concat([Buffer.of(type), Buffer.alloc(size, 0x20)])], 0);
    const bytes = stream(payloads.flat(), 1);
    return bytes.length === 0 ? [sent] : [sent, { from: 'server', bytes }];
  }

  #written(result: Result, more: boolean): Buffer[] {
    if (result.is === 'err') return [err(result.errno)];
    if (result.is === 'ok')
      return [ok({ ...result, status: statusOf(more), tail: Buffer.alloc(result.tail, 0xfe) })];
    const { metadata, deprecateEof } = this.#form;
    const described = metadata === 'always' || result.described;
    const flag = metadata === 'always' ? [] : [Buffer.of(described ? 1 : 0)];
    const report = result.reports ? [progress('stage')] : [];
    return [
      ...report,
      Buffer.concat([lenenc(result.columns), ...flag]),
      ...(described ? columns(result.columns) : []),
      ...(deprecateEof ? [] : [eof({ status: statusOf(more) })]),
      ...result.rows,
      ...report,
      this.#end(result.end, more),
    ];
  }

  #end(errno: number, more: boolean): Buffer {
    if (errno !== 0) return err(errno);
    const fields = { status: statusOf(more), warnings: 1 };
    return this.#form.deprecateEof ? ok({ ...fields, tail: Buffer.alloc(more ? 0 : 3) }, 0xfe) : eof(fields);
  }
}

const NOTHING: ExpectedResult = {
  ok: true,
  errno: 0,
  affectedRows: 0,
  insertId: 0,
  status: 2,
  warnings: 1,
  rows: 0,
  resultSet: false,
};

function statusOf(more: boolean): number {
  return more ? 2 | MORE : 2;
}

function columns(many: number): Buffer[] {
  return Array.from({ length: many }, (_, index) => column(`c${index}`));
}

function said(result: Result, more: boolean): ExpectedResult {
  const status = statusOf(more);
  if (result.is === 'err') return ended({ ...NOTHING, ok: false, errno: result.errno });
  if (result.is === 'ok') {
    const { affectedRows, insertId, warnings } = result;
    return { ...NOTHING, affectedRows, insertId, warnings, status };
  }
  const read = {
    ...NOTHING,
    ok: result.end === 0,
    errno: result.end,
    rows: result.rows.length,
    resultSet: true,
    status,
  };
  return ended(read);
}

/** An error says nothing of status and warnings, a prepare nothing of warnings. */
function ended(result: ExpectedResult): ExpectedResult {
  return result.ok ? result : { ...result, status: 0, warnings: 0 };
}

function capabilitiesOf({ deprecateEof, metadata }: Form) {
  const base =
    NO_CAPABILITIES.base |
    (deprecateEof ? CAPABILITY.DEPRECATE_EOF : 0) |
    (metadata === 'optional' ? CAPABILITY.OPTIONAL_RESULTSET_METADATA : 0);
  return { base, mariadb: metadata === 'cached' ? MARIADB_CAPABILITY.CACHE_METADATA : 0 };
}

it('both readers stay in step with any conversation, cut anywhere', () => {
  fc.assert(
    fc.property(
      fc.record({
        form,
        commands: fc.array(command, { maxLength: 12 }),
        ahead: fc.boolean(),
        cuts: fc.nat(),
        piece: fc.constantFrom(1, 7, 100, 5000),
      }),
      ({ form, commands, ahead, cuts, piece }) => {
        const writer = new Writer(form);
        writer.write(commands, ahead);
        const conversation = new Conversation(capabilitiesOf(form), 100);
        for (const one of cutAtRandom(writer.runs, createRandom(cuts), piece)) conversation.feed(one);
        expect(conversation.lost).toBeNull();
        expect(conversation.answered.map(summaryOf)).toEqual(writer.expected.map(withoutPrepareWarnings));
        expect(conversation.unsolicited).toEqual([]);
        expect(conversation.atRest).toBe(true);
        for (const { payload, length } of conversation.commands)
          expect(payload.length).toBe(Math.min(length, 100));
      },
    ),
    { numRuns: RUNS, seed },
  );
});

function withoutPrepareWarnings(exchange: ExpectedExchange): ExpectedExchange {
  if (exchange.type !== 0x16) return exchange;
  return { ...exchange, results: exchange.results.map((result) => ({ ...result, warnings: 0 })) };
}
