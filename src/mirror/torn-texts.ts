/**
 * Texts that are torn in the middle of a character, as programs send them that count bytes, and what else is no text in
 * the client's character set: of what a server does not refuse, MariaDB keeps a `?` for it and MySQL nothing.
 */
import { isAscii, isUtf8 } from 'node:buffer';
import { namedIn } from './character-names.ts';
import type { ReplayContext } from './replay-context.ts';
import type { ReplayDraft } from './statement.ts';
import { isUtf8Charset, textCharsets } from './text-charsets.ts';

interface TextReading {
  /** Any byte is a character; bytes belong together, as UTF-8 has it, or otherwise. */
  readonly charset: 'single_byte' | 'utf8' | 'multi_byte';
  /** Literals are taken into another character set when they are read, which nobody is warned of. */
  readonly converts: boolean;
}

const MULTI_BYTE = /^(?:gb|big5|sjis|cp932|ujis|euc)/;
const UTF8_READING: TextReading = { charset: 'utf8', converts: false };

const readings = new WeakMap<ReplayContext, TextReading>();

/** Of a write that the primary carried out with so many warnings: the shadow may keep other texts of it. */
export function mayKeepTornTexts(
  { sql, prepared, context }: Pick<ReplayDraft, 'sql' | 'prepared' | 'context'>,
  warnings: number,
): boolean {
  const { charset, converts } = readingOf(context);
  if (charset === 'single_byte' || (warnings === 0 && !converts)) return false;
  // In the others a whole character may be any two bytes: all but ASCII may be torn.
  const isWhole = charset === 'utf8' ? isUtf8 : isAscii;
  if (!isWhole(sql)) return true;
  if (prepared === null) return false;
  return !prepared.packet.strings().every(isWhole) || ![...prepared.longData.values()].every(isWhole);
}

function readingOf(context: ReplayContext): TextReading {
  let reading = readings.get(context);
  if (reading === undefined) {
    reading = makeReading(context);
    readings.set(context, reading);
  }
  return reading;
}

function makeReading({ names, variables }: ReplayContext): TextReading {
  const { client, connection } = textCharsets(
    (name) => variables.get(name) ?? (names === null ? null : namedIn(names, name)),
    (name) => variables.has(name),
  );
  if (client === null) return UTF8_READING;
  const charset = isUtf8Charset(client) ? 'utf8' : MULTI_BYTE.test(client) ? 'multi_byte' : 'single_byte';
  return { charset, converts: client !== 'binary' && !isOneCharset(client, connection) };
}

/** The forms of UTF-8 have the same bytes for what they share. */
function isOneCharset(client: string, connection: string | null): boolean {
  return client === connection || (connection !== null && isUtf8Charset(client) && isUtf8Charset(connection));
}
