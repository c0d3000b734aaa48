/**
 * The aggregates that make a group's checksum out of its rows, as cheap as each server can.
 *
 * A digest's 64 bits are two CRC-32: of all of its text, and of its first half. Of servers' functions that give an
 * integer CRC32() is the cheapest by far; CONV() costs as much as the digest itself. MySQL can also XOR texts: then
 * the CRC-32 are taken here, of the XOR, as CRC-32 is linear (checksum-fold.ts).
 */
import type { HashMethod } from './hash-method.ts';
import { clientValues, rowText } from './row-text.ts';
import type { ServerKind, Side } from './side.ts';
import { type ComparedColumn, digestOf, type TablePair } from './table-pair.ts';

/** What the columns behind COUNT(*) hold. */
export type ChecksumForm =
  /** Two numbers: XORs of CRC-32s. */
  | 'crc-xor'
  /** One binary string: the XOR of the digests' texts. */
  | 'text-xor'
  /** One or two numbers: sums of CRC-32s. */
  | 'crc-sum'
  /** None: the rows are read, and summed up here. */
  | 'client';

export interface Checksum {
  readonly form: ChecksumForm;
  /** Digits of the digest's text. */
  readonly digits: number;
  readonly aggregates: readonly string[];
  /** A row's own hash, a text without NULL. */
  readonly rowHash: string;
  /** The same, behind the aggregates: there it need not be made once more. */
  readonly sameHash: string;
  /** What besides its hash is read of a row, and made canonical. */
  readonly clientValues: readonly string[];
}

export interface HashingServer {
  readonly kind: ServerKind;
  readonly version: string;
}

export function checksumSql(
  pair: TablePair,
  side: Side,
  server: HashingServer,
  method: HashMethod,
): Checksum {
  const columns = hashedColumns(pair, method);
  const text = rowText(pair, side, columns);
  const rowHash = digestOf(pair.digest)(text);
  const digits = pair.digest === 'md5' ? 32 : 64;
  const values = clientValues(side, columns);
  const form = formOf(pair, server, method, values);
  return {
    form,
    digits,
    aggregates: aggregatesOf(form, { server, method, text, rowHash, digits }),
    rowHash,
    sameHash: keepsHash(form, server, method) ? KEPT_HASH : rowHash,
    clientValues: values,
  };
}

function hashedColumns(pair: TablePair, method: HashMethod): readonly ComparedColumn[] {
  // Without an identity its columns are all columns.
  if (method.columns === 'all' || pair.identity.length === 0) return pair.columns;
  const names = new Set(
    [...pair.identity, ...(pair.group === null ? [] : [pair.group])].map(({ name }) => name),
  );
  return pair.columns.filter(({ name }) => names.has(name));
}

function formOf(
  pair: TablePair,
  server: HashingServer,
  method: HashMethod,
  values: readonly string[],
): ChecksumForm {
  if (values.length > 0) return 'client';
  // By XOR two rows that are the same would cancel each other.
  if (method.hash === 'crc32' || pair.identity.length === 0) return 'crc-sum';
  return xorsTexts(server) ? 'text-xor' : 'crc-xor';
}

/** MySQL 8 and later know XOR of binary strings; and will not let expressions set variables for ever. */
function xorsTexts({ kind, version }: HashingServer): boolean {
  return kind === 'mysql' && Number.parseInt(version, 10) >= 8;
}

const KEPT_HASH = '@understudy_hash';

/** The aggregates put each row's hash into a variable. */
function keepsHash(form: ChecksumForm, server: HashingServer, method: HashMethod): boolean {
  return form !== 'client' && method.hash !== 'crc32' && !xorsTexts(server);
}

function aggregatesOf(
  form: ChecksumForm,
  sql: {
    readonly server: HashingServer;
    readonly method: HashMethod;
    readonly text: string;
    readonly rowHash: string;
    readonly digits: number;
  },
): readonly string[] {
  const { server, method, text, rowHash, digits } = sql;
  if (form === 'client') return [];
  if (form === 'text-xor') return [`BIT_XOR(CAST(${rowHash} AS BINARY))`];
  if (method.hash === 'crc32') return [`SUM(CRC32(${text}))`];
  const fold = form === 'crc-xor' ? 'BIT_XOR' : 'SUM';
  // The digest is made once a row: aggregates are fed in the order that they stand in.
  const [first, again] = keepsHash(form, server, method)
    ? [`${KEPT_HASH} := ${rowHash}`, KEPT_HASH]
    : [rowHash, rowHash];
  return [`${fold}(CRC32(${first}))`, `${fold}(CRC32(LEFT(${again}, ${digits / 2})))`];
}
