/** What the Node sessions of the matrix share: one line of JSON a step, and the settings from the environment. */
import { Writable } from 'node:stream';

const MEBIBYTE = 1024 * 1024;

/** Numbers that tell a lost connection, server's or client's. */
export const LOST: readonly unknown[] = [1317, 1927, 2006, 2013, 4031, 45_009, 45_013];

export const TYPES = `INSERT INTO facts VALUES
  (1, 12345678901234.567890, 0.1, '2024-02-29', '2024-02-29 23:59:59.123456', '-12:34:56.789', -128,
   18446744073709551615, x'005c27ff', 'ünïcode 海 🙂'), (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)`;
export const STREAM = `SELECT a.d + 10 * b.d + 100 * c.d + 1000 * d.d AS n, REPEAT('x', 100)
  FROM digits a, digits b, digits c, digits d ORDER BY n`;
export const SEVERAL = `SELECT 1; INSERT INTO messages VALUES (8, 1, 'a'), (8, 2, 'b');
  DELETE FROM messages WHERE folderid = 8 AND itemid = 2; SELECT 2`;
export const TITLES: readonly (readonly [number, string | null])[] = [
  [1, 'one'],
  [2, "it's \\ 海"],
  [3, null],
];
export const FAILING: readonly string[] = [
  "INSERT INTO messages VALUES (5, 1, 'double')",
  'SELEC 1',
  'SELECT * FROM missing',
];
/** In gbk the second byte of this character is a backslash. */
export const GBK = '昞';

export function setting(name: string): string {
  return process.env[`CLIENT_${name}`] ?? '';
}

/** Where the session goes, and as whom: what every driver calls by the same names. */
export const TARGET = {
  host: '127.0.0.1',
  port: Number(setting('PORT')),
  user: setting('USER'),
  password: setting('PASSWORD'),
  database: setting('DATABASE'),
};

export function say(line: Readonly<Record<string, unknown>>): void {
  process.stdout.write(`${JSON.stringify(line, plain)}\n`);
}

/** Takes one row at a time, a turn of the event loop each, so that whoever writes to it must wait. */
export function slowReader(): { readonly sink: Writable; count(): number } {
  let count = 0;
  const sink = new Writable({
    objectMode: true,
    highWaterMark: 1,
    write(_row, _encoding, done) {
      count += 1;
      setImmediate(done);
    },
  });
  return { sink, count: () => count };
}

/** A step that throws is told as a fault, and the next one goes on. */
export async function step(name: string, run: () => Promise<unknown>): Promise<void> {
  try {
    say({ step: name, seen: await run() });
  } catch (error) {
    say({ step: name, fault: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
}

/** Number, SQLSTATE and text; empty where nothing was thrown. */
export async function errorOf(run: () => Promise<unknown>): Promise<unknown[]> {
  try {
    await run();
  } catch (error) {
    const { errno, sqlState, sqlMessage, message } = error as Record<string, unknown>;
    return [errno, sqlState, sqlMessage ?? message];
  }
  return [];
}

export const bigText = (): string => '0123456789abcdef'.repeat(MEBIBYTE / 16);
export const bigBlob = (mebibytes: number): Buffer =>
  Buffer.alloc(mebibytes * MEBIBYTE, Buffer.from('005c27ff', 'hex'));

function plain(this: unknown, key: string, value: unknown): unknown {
  // JSON.stringify has turned dates and buffers into others by now: the holder still has them.
  const raw = (this as Record<string, unknown>)[key];
  if (Buffer.isBuffer(raw)) return raw.toString('hex');
  return typeof value === 'bigint' ? `${value}` : value;
}
