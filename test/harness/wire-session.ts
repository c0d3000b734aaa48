/** A recorded session, as the fixtures of test/fixtures/wire hold it: bytes, and what two libraries read in them. */
import { readdirSync, readFileSync } from 'node:fs';
import { REPOSITORY } from './repository.ts';

export type Side = 'client' | 'server';

/** Bytes that one side sent before the other one spoke. */
export interface Run {
  readonly from: Side;
  readonly bytes: Buffer;
}

/** One result of a reply. Numbers that no packet of this result carries are 0, and `status` after an error. */
export interface ExpectedResult {
  readonly ok: boolean;
  readonly errno: number;
  readonly affectedRows: number;
  readonly insertId: number;
  readonly status: number;
  readonly warnings: number;
  readonly rows: number;
  readonly resultSet: boolean;
}

export interface ExpectedExchange {
  /** The command byte. */
  readonly type: number;
  /** Empty for commands without a reply. */
  readonly results: readonly ExpectedResult[];
  /** Of a prepare that went well. */
  readonly statement: { readonly id: number; readonly parameters: number } | null;
  readonly localInfile: boolean;
}

/** From a command to the end of its reply; commands without a reply stand with the one after them. */
export interface Turn {
  readonly runs: readonly Run[];
  readonly exchanges: readonly ExpectedExchange[];
  /** Numbers of ERR packets that answer nothing. */
  readonly unsolicited: readonly number[];
}

export interface ExpectedLogin {
  readonly outcome: 'done' | 'refused';
  readonly serverVersion: string;
  readonly connectionId: number;
  /** The bits that both sides set; MariaDB's own from bit 32 on, as a hexadecimal number. */
  readonly capabilities: string;
  readonly collation: number;
  readonly database: string | null;
  readonly status: number;
}

export interface RecordedSession {
  readonly name: string;
  readonly login: { readonly runs: readonly Run[]; readonly expected: ExpectedLogin };
  readonly turns: readonly Turn[];
}

export interface Capture {
  /** The version that the server's greeting names. */
  readonly server: string;
  readonly sessions: readonly RecordedSession[];
}

const FOLDER = new URL('test/fixtures/wire/', REPOSITORY);

/** Every fixture, by its file's name without ending. */
export function readCaptures(): ReadonlyMap<string, Capture> {
  const files = readdirSync(FOLDER).filter((name) => name.endsWith('.json'));
  return new Map(
    files.map((name) => [
      name.replace('.json', ''),
      parseCapture(readFileSync(new URL(name, FOLDER), 'utf8')),
    ]),
  );
}

/** Bytes are written as "c" or "s", for the side, and base64. */
export function captureText(capture: Capture): string {
  const sessions = capture.sessions.map((session) => JSON.stringify(session, writeRun));
  return `{"server": ${JSON.stringify(capture.server)}, "sessions": [\n${sessions.join(',\n')}\n]}\n`;
}

function writeRun(_key: string, value: unknown): unknown {
  return isRun(value) ? `${value.from === 'client' ? 'c' : 's'}${value.bytes.toString('base64')}` : value;
}

function isRun(value: unknown): value is Run {
  return typeof value === 'object' && value !== null && 'from' in value && 'bytes' in value;
}

function parseCapture(text: string): Capture {
  return JSON.parse(text, (key: string, value: unknown) => {
    return key === 'runs' && Array.isArray(value) ? value.map((run) => parseRun(String(run))) : value;
  });
}

function parseRun(text: string): Run {
  return { from: text.startsWith('c') ? 'client' : 'server', bytes: Buffer.from(text.slice(1), 'base64') };
}
