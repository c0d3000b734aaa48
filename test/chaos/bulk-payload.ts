/** COM_STMT_BULK_EXECUTE as no connector sends it: rows by the hundred, values left out. MariaDB knowledge base. */
import { int } from '../harness/packet-writer.ts';
import type { Random } from '../harness/random.ts';
import { type BoundParameter, bindText } from './bound-parameter.ts';

const COMMAND = 0xfa;
const SENDS_TYPES = 0x80;
const RETURNS_IDS = 0x40;
/** What stands before a value: that it follows, or NULL, DEFAULT, IGNORE. */
const VALUE = 0;
/** What share of the values is NULL: of hundreds one in most places is enough to fail. */
const CELL_NULLS = 0.0005;
const INDICATORS = [1, 1, 2, 3];

export interface BulkExecution {
  readonly payload: Buffer;
  readonly shown: string;
}

/** Rows of values for a statement with that many places; keys are few, so that rows share some. */
export function bulkExecution(
  id: number,
  count: number,
  random: Random,
  literals: readonly string[],
): BulkExecution {
  const rows = random.pick([1, 2, 3, 5, 20, 120, 400]);
  const indicates = random.chance(0.3) ? 2 / rows : 0;
  const isWide = random.chance(0.5);
  const first = Array.from({ length: count }, (_, at) =>
    bindText(valueAt(at), random, undefined, CELL_NULLS),
  );
  function valueAt(at: number): string {
    const literal = literals[at];
    if (literal !== undefined && !/^\d+$/.test(literal))
      return literal.replace(/\d/, `${random.integer(1, 9)}`);
    return `${random.integer(1, isWide ? 200 : 9)}`;
  }
  const cells: Buffer[] = [];
  const shown: string[] = [];
  for (let row = 0; row < rows; row++)
    for (let at = 0; at < count; at++) {
      const { value, shown: text } = row === 0 ? first[at]! : ofType(first[at]!, valueAt(at), random);
      const indicator = value === null ? 1 : random.chance(indicates) ? random.pick(INDICATORS) : VALUE;
      cells.push(Buffer.of(indicator), ...(indicator === VALUE ? [value!] : []));
      shown.push(indicator === VALUE ? text.replace(/:.*/, '') : `<${indicator}>`);
    }
  const types = first.map(({ type, flags }) => Buffer.of(type, flags));
  const flags = SENDS_TYPES | (random.chance(0.03) ? RETURNS_IDS : 0);
  const payload = Buffer.concat([Buffer.of(COMMAND), idBytes(id), int(2, flags), ...types, ...cells]);
  const typed = first.map(({ type, flags: more }) => `0x${type.toString(16)}${more === 0 ? '' : 'u'}`);
  return { payload, shown: `${rows} rows of ${typed.join()}: ${shown.join(' ').slice(0, 400)}` };
}

function ofType({ type }: BoundParameter, text: string, random: Random): BoundParameter {
  return bindText(text, random, type, CELL_NULLS);
}

export function idBytes(id: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(id);
  return bytes;
}
