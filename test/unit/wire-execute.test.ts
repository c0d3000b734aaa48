/** COM_STMT_EXECUTE and the text of COM_QUERY, as mysql2 writes them and as the manual lays them out. */
import { isUtf8 } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CAPABILITY } from '../../src/wire/capabilities.ts';
import { type ExecuteOptions, type ExecutePacket, readExecute } from '../../src/wire/execute-packet.ts';
import { queryTextAt } from '../../src/wire/query-packet.ts';
import { writeExecute, writeQuery } from '../harness/library-commands.ts';
import { int, lenenc, lenencText } from '../harness/packet-writer.ts';
import { takeSeed } from '../harness/seed.ts';
import { NO_CAPABILITIES } from '../harness/wire-replay.ts';

const seed = takeSeed('execute');
const ATTRIBUTES = { base: NO_CAPABILITIES.base | CAPABILITY.QUERY_ATTRIBUTES, mariadb: 0 };
const UNSIGNED = 0x80;

function options(parameterCount: number, more: Partial<ExecuteOptions> = {}): ExecuteOptions {
  return { parameterCount, boundTypes: null, longData: new Set(), queryAttributes: false, ...more };
}

function read(payload: Buffer, given: ExecuteOptions): ExecutePacket {
  const packet = readExecute(payload, given);
  if (packet === null) throw new Error(`not read: ${payload.toString('hex')}`);
  return packet;
}

/** One value of a type; null is NULL. Long data stands in no packet. */
interface Parameter {
  readonly type: number;
  readonly unsigned: boolean;
  readonly value: Buffer | null;
  readonly key: string | null;
  readonly long: boolean;
}

/** A payload of the manual's layout. With `names` it is one of a session with query attributes. */
function execution(
  parameters: readonly Parameter[],
  names: readonly string[] | null,
  flags: number,
  bound = true,
): Buffer {
  const head = Buffer.concat([Buffer.of(0x17), int(4, 77), Buffer.of(flags), int(4, 1)]);
  const count = names === null ? Buffer.alloc(0) : lenenc(parameters.length);
  if (parameters.length === 0) return Buffer.concat([head, count]);
  const bitmap = Buffer.alloc((parameters.length + 7) >> 3);
  parameters.forEach(({ value }, index) => {
    if (value === null) bitmap[index >> 3] = (bitmap[index >> 3] ?? 0) | (1 << (index & 7));
  });
  const types = parameters.flatMap(({ type, unsigned }, index) => [
    Buffer.of(type, unsigned ? UNSIGNED : 0),
    names === null ? Buffer.alloc(0) : lenencText(names[index] ?? ''),
  ]);
  const values = parameters.map(({ value, long }) => (long ? Buffer.alloc(0) : (value ?? Buffer.alloc(0))));
  return Buffer.concat([head, count, bitmap, Buffer.of(bound ? 1 : 0), ...(bound ? types : []), ...values]);
}

const wide = (value: bigint): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, value));
  return bytes;
};
const double = (value: number): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return bytes;
};
const plain = { unsigned: false, long: false };

const integer = (type: number, width: 1 | 2 | 4, bits: number) =>
  fc.tuple(fc.boolean(), fc.maxSafeNat()).map(([unsigned, any]): Parameter => {
    const raw = BigInt.asUintN(bits, BigInt(any));
    const key = String(unsigned ? raw : BigInt.asIntN(bits, raw));
    return { type, unsigned, value: int(width, Number(raw)), key, long: false };
  });
const stringBytes = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.string({ unit: 'binary', maxLength: 100 }).map((text) => Uint8Array.from(Buffer.from(text))),
);
const parameter: fc.Arbitrary<Parameter> = fc.oneof(
  integer(0x01, 1, 8),
  integer(0x02, 2, 16),
  integer(0x03, 4, 32),
  fc.tuple(fc.boolean(), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })).map(
    ([unsigned, raw]): Parameter => ({
      type: 0x08,
      unsigned,
      value: wide(raw),
      key: String(unsigned ? raw : BigInt.asIntN(64, raw)),
      long: false,
    }),
  ),
  fc
    .maxSafeInteger()
    .filter((value) => !Object.is(value, -0))
    .map((value): Parameter => ({ ...plain, type: 0x05, value: double(value), key: String(value) })),
  fc
    .constantFrom(0.5, -0, 1e300, Number.NaN, Number.POSITIVE_INFINITY)
    .map((value): Parameter => ({ ...plain, type: 0x05, value: double(value), key: null })),
  fc.tuple(fc.constantFrom(0x0f, 0xf7, 0xf8, 0xf9, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe), stringBytes).map(
    ([type, bytes]): Parameter => ({
      ...plain,
      type,
      value: lenencText(Buffer.from(bytes)),
      key: isUtf8(bytes) ? Buffer.from(bytes).toString('utf8') : null,
    }),
  ),
  fc
    .constantFrom(0x00, 0xf2, 0xf5)
    .map((type): Parameter => ({ ...plain, type, value: lenencText('abc'), key: null })),
  // A server reads a decimal as a number: of other texts its key would be another one.
  fc
    .constantFrom('0', '12', '-7', '5.0', '-0.5', '9'.repeat(35))
    .map((text): Parameter => ({ ...plain, type: 0xf6, value: lenencText(text), key: text })),
  fc
    .constantFrom('a5', '', '05', '+5', ' 5', '5 ', '5.', '.5', '1e3', '-0', '-0.0', '9'.repeat(36))
    .map((text): Parameter => ({ ...plain, type: 0xf6, value: lenencText(text), key: null })),
  fc.tuple(fc.constantFrom(0x07, 0x0a, 0x0b, 0x0c), fc.constantFrom(0, 4, 7, 8, 11, 12)).map(
    ([type, length]): Parameter => ({
      ...plain,
      type,
      value: lenencText(Buffer.alloc(length, 1)),
      key: null,
    }),
  ),
  fc.constant<Parameter>({ ...plain, type: 0x04, value: Buffer.alloc(4), key: null }),
  fc.constant<Parameter>({ ...plain, type: 0x06, value: Buffer.alloc(0), key: null }),
  fc.constantFrom(0x03, 0xfe).map((type): Parameter => ({ ...plain, type, value: null, key: null })),
  fc.constant<Parameter>({ ...plain, type: 0xfc, value: Buffer.alloc(0), key: null, long: true }),
);

function longDataOf(parameters: readonly Parameter[]): Set<number> {
  return new Set(parameters.flatMap(({ long }, index) => (long ? [index] : [])));
}

describe('an execution', () => {
  it('gives the keys that were written, and once more from the payload for another statement', () => {
    const attributes = fc.option(
      fc.array(
        parameter.filter(({ long }) => !long),
        { maxLength: 3 },
      ),
      { nil: null },
    );
    fc.assert(
      fc.property(
        fc.array(parameter, { maxLength: 20 }),
        attributes,
        fc.boolean(),
        (parameters, extra, flag) => {
          const all = [...parameters, ...(extra ?? [])];
          const names =
            extra === null
              ? null
              : all.map((_, index) => (index < parameters.length ? '' : `attribute ${index}`));
          // A server looks for the count without the flag too, unless the statement has no parameters.
          const flags = extra !== null && (flag || parameters.length === 0) ? 0x08 : 0;
          const given = options(parameters.length, {
            longData: longDataOf(parameters),
            queryAttributes: extra !== null,
          });
          const payload = execution(all, names, flags);
          const packet = read(payload, given);
          const keys = parameters.map(({ key }) => key);
          expect(parameters.map((_, index) => packet.keyText(index))).toEqual(keys);
          expect(parameters.map((_, index) => packet.isNull(index))).toEqual(
            parameters.map(({ value }) => value === null),
          );
          expect(packet.bytes).toBe(payload.length + parameters.length * 16);

          const again = packet.payloadFor(0xfedcba98);
          expect(again.readUInt32LE(1)).toBe(0xfedcba98);
          const reread = read(again, { ...given, queryAttributes: false });
          expect(parameters.map((_, index) => reread.keyText(index))).toEqual(keys);
          expect(reread.types).toEqual(packet.types);
          const chosen = [...parameters.keys()].filter((ordinal) => ordinal % 3 !== 1).reverse();
          const picked = packet.pick(chosen);
          const pickedAgain = read(
            picked.payloadFor(1),
            options(chosen.length, {
              longData: longDataOf(chosen.map((ordinal) => parameters[ordinal] as Parameter)),
            }),
          );
          for (const one of [picked, pickedAgain]) {
            expect(chosen.map((_, index) => one.keyText(index))).toEqual(
              chosen.map((ordinal) => keys[ordinal]),
            );
            expect(chosen.map((_, index) => one.isNull(index))).toEqual(
              chosen.map((ordinal) => packet.isNull(ordinal)),
            );
          }
          // Types bound before stand for those that an execution leaves out.
          const later = read(execution(parameters, null, 0, false), {
            ...given,
            queryAttributes: false,
            boundTypes: packet.types,
          });
          expect(parameters.map((_, index) => later.keyText(index))).toEqual(keys);
        },
      ),
      { numRuns: 300, seed },
    );
  });

  it('is read as mysql2 writes it, with and without attributes', () => {
    const parameters = [42, 'text', null, true, Buffer.of(0, 255), new Date(0), -7];
    const keys = ['42', 'text', null, '1', null, null, '-7'];
    for (const attributes of [null, {}, { trace: 'abc', count: 3 }]) {
      const packet = read(
        writeExecute(9, parameters, attributes),
        options(7, { queryAttributes: attributes !== null }),
      );
      expect(keys.map((_, index) => packet.keyText(index))).toEqual(keys);
      const none = read(
        writeExecute(9, [], attributes),
        options(0, { queryAttributes: attributes !== null }),
      );
      expect(none.payloadFor(3)).toEqual(
        Buffer.concat([Buffer.of(0x17), int(4, 3), Buffer.of(0), int(4, 1)]),
      );
    }
  });

  it('has no key for long data, whatever type it was bound as', () => {
    for (const type of [0x01, 0x02, 0x03, 0x05, 0x08, 0x09, 0x0d, 0xfd]) {
      const long: Parameter = { ...plain, type, value: Buffer.alloc(0), key: null, long: true };
      const after: Parameter = { ...plain, type: 0x03, value: int(4, 7), key: '7' };
      const given = options(2, { longData: new Set([0]) });
      const packet = read(execution([long, after], null, 0), given);
      expect([packet.keyText(0), packet.keyText(1)]).toEqual([null, '7']);
      const last = read(execution([long], null, 0), options(1, { longData: new Set([0]) }));
      expect(last.keyText(0)).toBeNull();
    }
  });

  it.each([0x09, 0x0d, 0x0e, 0x10, 0x11, 0x14, 0xf4, 0xff])(
    'is not read with a value of type %d, which servers refuse or pass over; NULL has none',
    (type) => {
      const bound: Parameter = { ...plain, type, value: int(4, 7), key: null };
      const after: Parameter = { ...plain, type: 0x03, value: int(4, 7), key: '7' };
      expect(readExecute(execution([bound, after], null, 0), options(2))).toBeNull();
      const withNull = read(execution([{ ...bound, value: null }, after], null, 0), options(2));
      expect(withNull.keyText(1)).toBe('7');
    },
  );

  it('has no key beyond its parameters', () => {
    const packet = read(writeExecute(9, ['a'], null), options(1));
    expect([packet.keyText(1), packet.keyText(1000)]).toEqual([null, null]);
  });

  it.each([0, 1, 4, 5, 6, 9, 10, 11, 12, 15])('of %d bytes is cut short', (length) => {
    const payload = execution([{ ...plain, type: 3, value: int(4, 1), key: '1' }], null, 0);
    expect(readExecute(payload.subarray(0, length), options(1))).toBeNull();
  });

  it('can be read neither without types nor with fewer values than parameters', () => {
    const one = { ...plain, type: 3, value: int(4, 1), key: '1' };
    expect(readExecute(execution([one], null, 0, false), options(1))).toBeNull();
    expect(
      readExecute(execution([one], null, 0, false), options(1, { boundTypes: Buffer.of(3) })),
    ).toBeNull();
    expect(readExecute(execution([one], [''], 8), options(2, { queryAttributes: true }))).toBeNull();
  });
});

describe('the text of a query', () => {
  const sql = 'SELECT 1 /* ? */';

  it('stands behind the command byte, or behind the attributes where they were agreed on', () => {
    const textOf = (payload: Buffer, at: number) => payload.toString('utf8', at);
    const without = writeQuery(sql, null);
    expect(textOf(without, queryTextAt(without, NO_CAPABILITIES))).toBe(sql);
    const many = Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`name ${index}`, index]));
    for (const attributes of [
      {},
      { a: 'x' },
      { a: null, b: 1.5, c: Buffer.of(1), d: new Date(0), e: true },
      many,
    ]) {
      const payload = writeQuery(sql, attributes);
      expect(textOf(payload, queryTextAt(payload, ATTRIBUTES))).toBe(sql);
    }
  });

  it('is nowhere where the attributes are malformed', () => {
    const payload = writeQuery(sql, { a: 'x', b: 2 });
    const start = payload.length - sql.length;
    for (let length = 1; length < start; length += 1) {
      expect(queryTextAt(payload.subarray(0, length), ATTRIBUTES), `${length} bytes`).toBe(-1);
    }
    expect(queryTextAt(payload.subarray(0, start), ATTRIBUTES)).toBe(start);
    expect(queryTextAt(Buffer.from('03feffffffffffffffff01', 'hex'), ATTRIBUTES)).toBe(-1);
  });
});
