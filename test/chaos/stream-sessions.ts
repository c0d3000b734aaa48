/**
 * The message centre's sessions for several streams at once, each on folders of its own: what a stream reads
 * then depends on nothing but its own statements, however the streams interleave.
 */
import { folderId } from '../harness/message-centre.ts';
import {
  createLoad,
  type Load,
  type Session,
  type Statement,
  type Value,
} from '../harness/message-centre-load.ts';
import type { Random } from '../harness/random.ts';

export interface StreamOptions {
  readonly seed: number;
  /** 1 to 499, and different for streams that run at once or one after the other. */
  readonly stream: number;
  /** Folders of the stream; a multiple of four, as every fourth folder's id is a wide one. */
  readonly folders: number;
  /** Index of the stream's first folder; a multiple of four. */
  readonly firstFolder: number;
  /** Whether some of the rows that it inserts are there already, so that statements fail. */
  readonly collisions: boolean;
  readonly random: Random;
}

const STREAMS_MAX = 500;
const SKIPPED_MAX = 50;
/** A folder's place among the narrow or the wide ids stays far below this. */
const FOLDERS_MAX = 100_000n;
const NARROW = folderId(0);
const WIDE = folderId(3) - 3n;

/**
 * Three sessions in ten put their statements on moved tables into one transaction. Every other session writes,
 * far more than the message centre's do: reads alone would show little.
 */
export function createStream(options: StreamOptions): Load {
  const { seed, stream, folders, random } = options;
  // Item ids come from the stream's number: two loads of one number make the same ones.
  const movedStream = options.collisions ? stream : stream + STREAMS_MAX;
  const plain = createLoad({ seed, stream, folders });
  const moved = createLoad({ seed: seed + 1, stream: movedStream, folders, unmoved: false });
  const offset = BigInt(options.firstFolder);
  return {
    next() {
      const wanted = random.chance(0.5) ? writes : () => true;
      const session = random.chance(0.3)
        ? inTransaction(nextWhere(moved, wanted), random)
        : nextWhere(plain, wanted);
      return { ...session, statements: session.statements.map((each) => shifted(each, offset)) };
    },
  };
}

/** Passes over sessions, but not forever. */
function nextWhere(load: Load, wanted: (session: Session) => boolean): Session {
  let session = load.next();
  for (let left = SKIPPED_MAX; left > 0 && !wanted(session); left -= 1) session = load.next();
  return session;
}

function writes({ statements }: Session): boolean {
  return statements.some(({ moved, kind }) => moved && kind !== 'read');
}

/** Committed, rolled back, or rolled back to a savepoint in its middle; begun in either of two ways. */
function inTransaction(session: Session, random: Random): Session {
  const { statements } = session;
  const savepointAt = random.integer(0, statements.length);
  const byVariable = random.chance(0.3);
  const ending = random.pick(['COMMIT', 'COMMIT', 'ROLLBACK']);
  return {
    ...session,
    statements: [
      control(byVariable ? 'SET autocommit = 0' : 'START TRANSACTION'),
      ...statements.slice(0, savepointAt),
      control('SAVEPOINT middle'),
      ...statements.slice(savepointAt),
      ...(random.chance(0.4) ? [control('ROLLBACK TO SAVEPOINT middle')] : []),
      control(ending),
      ...(byVariable ? [control('SET autocommit = 1')] : []),
    ],
  };
}

function control(sql: string): Statement {
  return { sql, params: [], kind: 'other', prepared: false, moved: false };
}

function shifted(statement: Statement, offset: bigint): Statement {
  return {
    ...statement,
    sql: statement.sql.replace(/\b\d{13,19}\b/g, (digits) => String(shiftedId(BigInt(digits), offset))),
    params: statement.params.map(
      (value): Value => (typeof value === 'bigint' ? shiftedId(value, offset) : value),
    ),
  };
}

function shiftedId(id: bigint, offset: bigint): bigint {
  return isFolder(id) ? id + offset : id;
}

function isFolder(id: bigint): boolean {
  return (id >= NARROW && id < NARROW + FOLDERS_MAX) || (id >= WIDE && id < WIDE + FOLDERS_MAX);
}

/** The condition that holds for the folders from index `first` on. */
export function foldersFrom(first: number): string {
  const offset = BigInt(first);
  const narrow = `folderid BETWEEN ${NARROW + offset} AND ${NARROW + FOLDERS_MAX}`;
  return `(${narrow} OR folderid BETWEEN ${WIDE + offset} AND ${WIDE + FOLDERS_MAX})`;
}
