/** Makes one text, the same for both sides, of what the checksum's aggregates gave. */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { canonicalJson } from './canonical-json.ts';
import type { Checksum } from './checksum-sql.ts';
import type { Row, Value } from './value.ts';

/** What a server says of some rows: their number, and the checksum's aggregates; in the form `client` the sum itself. */
export interface Aggregates {
  readonly rows: number;
  readonly values: Row;
}

/** Of two ranges that have no row in common, and both have some. */
export function addAggregates(
  { form }: Pick<Checksum, 'form'>,
  left: Aggregates,
  right: Aggregates,
): Aggregates {
  const values = left.values.map((value, at) => ADD[form](value ?? null, right.values[at] ?? null));
  return { rows: left.rows + right.rows, values };
}

const ADD: Readonly<Record<Checksum['form'], (left: Value, right: Value) => Value>> = {
  'crc-xor': (left, right) => String(BigInt(String(left)) ^ BigInt(String(right))),
  'crc-sum': (left, right) => String(BigInt(String(left)) + BigInt(String(right))),
  'text-xor': (left, right) => xorOfBytes(left as Buffer, right as Buffer),
  client: (left, right) => (BigInt(`0x${left}`) ^ BigInt(`0x${right}`)).toString(16),
};

function xorOfBytes(left: Buffer, right: Buffer): Buffer {
  return Buffer.from(left.map((byte, at) => byte ^ right[at]!));
}

/** The sum of rows whose aggregates were added up. */
export function foldAggregates(
  checksum: Pick<Checksum, 'form' | 'digits'>,
  { rows, values }: Aggregates,
): string {
  return checksum.form === 'client' ? String(values[0] ?? '') : foldChecksum(checksum, rows, values);
}

/** `values`: those of the aggregates, of a group of `rows` rows; of no rows the sum is empty. */
export function foldChecksum(
  { form, digits }: Pick<Checksum, 'form' | 'digits'>,
  rows: number,
  values: Row,
): string {
  if (rows === 0) return '';
  if (form === 'client') throw new TypeError('such sums are made of rows');
  if (form !== 'text-xor') return values.map((value) => String(value)).join('-');
  const [xor] = values;
  if (!Buffer.isBuffer(xor) || xor.length !== digits)
    throw new Error(`the XOR of digests has ${xor?.length ?? 0} bytes instead of ${digits}`);
  return `${xorOfCrcs(xor, rows)}-${xorOfCrcs(xor.subarray(0, digits / 2), rows)}`;
}

/**
 * The XOR of the CRC-32s of `count` texts of one length, out of the texts' XOR: CRC-32 is linear but for a constant,
 * that of as many zeros, which an even count of texts cancels.
 */
export function xorOfCrcs(xor: Buffer, count: number): number {
  const crc = crc32(xor);
  return count % 2 === 1 ? crc : (crc ^ crc32(Buffer.alloc(xor.length))) >>> 0;
}

/** A row's checksum where the client has a part in it. `values`: JSON texts. */
export function clientRowSum(rowHash: Value, values: Row): string {
  const hash = createHash('sha256').update(String(rowHash));
  for (const value of values) {
    const canonical = value === null ? null : canonicalJson(value.toString());
    hash.update(canonical === null ? '#N' : `#${Buffer.byteLength(canonical)}#${canonical}`);
  }
  return hash.digest('hex');
}

/** Sums up rows of one group, which have an identity, in any order. */
export class ClientSum {
  #rows = 0;
  #xor = 0n;

  add(rowSum: string): void {
    this.#rows++;
    this.#xor ^= BigInt(`0x${rowSum.slice(0, 32)}`);
  }

  get rows(): number {
    return this.#rows;
  }

  get sum(): string {
    return this.#rows === 0 ? '' : this.#xor.toString(16);
  }
}
