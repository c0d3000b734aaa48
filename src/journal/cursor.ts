/** Where a reader of the journal stands, as a text that means nothing to the reader. */
import { CursorError } from './journal.ts';
import type { WrittenPosition } from './written-scan.ts';

export interface Cursor {
  readonly incarnation: string;
  readonly generation: number;
  /** Notes before this number were read. */
  readonly note: number;
  readonly written: WrittenPosition;
  /** Counts the cursors that this process has given. */
  readonly number: number;
}

const FORM = /^1\.([0-9a-f]{16})((?:\.[0-9a-z]{1,11}){6})$/;
const TEXT_LENGTH_MAX = 100;

export function formatCursor({ incarnation, generation, note, written, number }: Cursor): string {
  const numbers = [generation, note, written.id, written.offset, written.skip, number];
  return `1.${incarnation}.${numbers.map((value) => value.toString(36)).join('.')}`;
}

/** Null for the empty text: from the beginning. Throws CursorError. */
export function parseCursor(text: string): Cursor | null {
  if (text === '') return null;
  const match = text.length > TEXT_LENGTH_MAX ? null : FORM.exec(text);
  const numbers = (match?.[2] ?? '')
    .slice(1)
    .split('.')
    .map((part) => Number.parseInt(part, 36));
  const [generation, note, id, offset, skip, number] = numbers;
  if (
    match === null ||
    generation === undefined ||
    note === undefined ||
    id === undefined ||
    offset === undefined ||
    skip === undefined ||
    number === undefined ||
    !numbers.every((value) => Number.isSafeInteger(value))
  ) {
    throw new CursorError(
      'cursor: is none that this journal gave: send the "cursor" of an earlier answer as it came, or none to read from the beginning',
    );
  }
  return { incarnation: match[1]!, generation, note, written: { id, offset, skip }, number };
}
