/**
 * A parameter of the binary protocol, of any type that a client may bind, whatever the column is.
 * MySQL manual: "Binary Protocol Value".
 */
import { int, lenencText } from '../harness/packet-writer.ts';
import type { Random } from '../harness/random.ts';

export interface BoundParameter {
  readonly type: number;
  /** The byte behind the type: 0x80 says that a number is unsigned. */
  readonly flags: number;
  /** Null: NULL by the bitmap. */
  readonly value: Buffer | null;
  /** What it was made of, for the log. */
  readonly shown: string;
}

const NULL_TYPE = 0x06;
const WHOLE_NUMBERS: Readonly<Record<number, 1 | 2 | 4 | 8>> = { 1: 1, 2: 2, 3: 4, 8: 8 };
/** INT24 and YEAR: servers have them as columns alone. */
const COLUMN_NUMBERS: Readonly<Record<number, 2 | 4>> = { 9: 4, 13: 2 };
const FLOAT = 0x04;
const DOUBLE = 0x05;
const MOMENTS = [0x0a, 0x0c, 0x07];
const TIME = 0x0b;
/** VARCHAR, NEWDECIMAL, the blobs, VAR_STRING, STRING. */
const TEXTS = [0x0f, 0xf6, 0xf9, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe];
/** INT24, YEAR, the old DECIMAL, NEWDATE, BIT, the times that servers store, VECTOR, JSON, ENUM, SET, GEOMETRY. */
const STRANGE = [0x09, 0x0d, 0x00, 0x0e, 0x10, 0x11, 0x12, 0x13, 0xf2, 0xf5, 0xf7, 0xf8, 0xff];
const UNSIGNED = 0x80;
/** What share of the parameters is NULL. */
const NULLS = 0.02;

/** `text` as a literal has it, without its quotes; `type`: of an earlier execution, which this one keeps. */
export function bindText(
  text: string,
  random: Random,
  type = anyType(text, random),
  nulls = NULLS,
): BoundParameter {
  const shown = `${text}:0x${type.toString(16)}`;
  if (random.chance(nulls)) return { type, flags: 0, value: null, shown: `NULL:0x${type.toString(16)}` };
  const flags = type in WHOLE_NUMBERS && random.chance(0.3) ? UNSIGNED : 0;
  return { type, flags, value: encode(type, text, random), shown: flags === 0 ? shown : `${shown}u` };
}

function anyType(text: string, random: Random): number {
  if (random.chance(0.02)) return random.pick(STRANGE);
  if (random.chance(0.01)) return NULL_TYPE;
  const numbers = [...Object.keys(WHOLE_NUMBERS).map(Number), FLOAT, DOUBLE];
  if (random.chance(0.1)) return random.pick([...numbers, ...MOMENTS, TIME]);
  if (/^\d+$/.test(text)) return random.pick([...numbers, ...numbers, ...TEXTS]);
  if (/^\d+-\d+-\d+/.test(text)) return random.pick([...MOMENTS, ...MOMENTS, ...TEXTS]);
  if (/^\d+:\d+:\d+/.test(text)) return random.pick([TIME, TIME, TIME, ...TEXTS]);
  return random.pick(TEXTS);
}

function encode(type: number, text: string, random: Random): Buffer {
  const width = WHOLE_NUMBERS[type] ?? COLUMN_NUMBERS[type];
  if (width !== undefined) return wholeNumber(width, text, random);
  if (type === NULL_TYPE) return Buffer.alloc(0);
  if (type === FLOAT || type === DOUBLE) return floating(type, text, random);
  if (MOMENTS.includes(type)) return moment(text, random);
  if (type === TIME) return time(text, random);
  const spelled = random.chance(0.1) ? `${text}${random.pick([' ', '.0', '.4', 'e0', '\0', 'x'])}` : text;
  return lenencText(spelled);
}

function wholeNumber(width: 1 | 2 | 4 | 8, text: string, random: Random): Buffer {
  const number = BigInt(/^\d{1,18}$/.test(text) ? text : random.integer(1, 9));
  const value = random.chance(0.05) ? -number : number;
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(value);
  return bytes.subarray(0, width);
}

function floating(type: number, text: string, random: Random): Buffer {
  const number = Number(text);
  const value =
    (Number.isFinite(number) ? number : random.integer(1, 9)) + random.pick([0, 0, 0, 0, 0.5, 0.01]);
  const bytes = Buffer.alloc(type === FLOAT ? 4 : 8);
  if (type === FLOAT) bytes.writeFloatLE(value);
  else bytes.writeDoubleLE(value);
  return bytes;
}

/** Year, month, day; and as far as it goes hour, minute, second and microseconds. */
function moment(text: string, random: Random): Buffer {
  const [year = 2026, month = 1, day = random.integer(1, 9), hour, minute, second] = numbersIn(text);
  const isDay = hour === undefined && random.chance(0.7);
  const date = [int(2, year & 0xffff), Buffer.of(month & 0xff, day & 0xff)];
  const clock = Buffer.of(hour ?? 10, minute ?? 0, second ?? 0);
  const fraction = fractionOf(text, random);
  const parts = random.chance(0.03)
    ? []
    : isDay
      ? date
      : random.chance(0.7)
        ? [...date, clock]
        : [...date, clock, fraction];
  return withLength(parts);
}

/** Whether it is negative, days, hour, minute, second; and microseconds, where it has them. */
function time(text: string, random: Random): Buffer {
  const [hour = random.integer(1, 9), minute = 30, second = 0] = numbersIn(text.replace(/^.* /, ''));
  const head = [
    Buffer.of(random.chance(0.1) ? 1 : 0),
    int(4, random.chance(0.1) ? 1 : 0),
    Buffer.of(hour & 0xff, minute & 0xff, second & 0xff),
  ];
  if (random.chance(0.05)) return withLength([]);
  return withLength(random.chance(0.8) ? head : [...head, fractionOf(text, random)]);
}

/** None for what stands in place of a number: in a column of integers MySQL rounds it, and MariaDB cuts it off. */
function fractionOf(text: string, random: Random): Buffer {
  return int(4, /[:-]/.test(text) ? random.pick([0, 6000, 500_000, 600_000, 999_999]) : 0);
}

function withLength(parts: readonly Buffer[]): Buffer {
  const bytes = Buffer.concat(parts);
  return Buffer.concat([Buffer.of(bytes.length), bytes]);
}

function numbersIn(text: string): number[] {
  return (text.match(/\d+/g) ?? []).map((digits) => Number(digits.slice(0, 4)));
}

/** NULLs, "types follow", types and values, as an execution has them; `names` where each type has a name behind it. */
export function parameterBlock(
  parameters: readonly BoundParameter[],
  sendsTypes: boolean,
  names = false,
): Buffer {
  const bitmap = Buffer.alloc((parameters.length + 7) >> 3);
  parameters.forEach(({ value }, at) => {
    if (value === null) bitmap[at >> 3]! |= 1 << (at & 7);
  });
  const types = parameters.flatMap(({ type, flags }, at) => [
    Buffer.of(type, flags),
    ...(names ? [lenencText(at % 2 === 0 ? '' : `name${at}`)] : []),
  ]);
  return Buffer.concat([
    bitmap,
    Buffer.of(sendsTypes ? 1 : 0),
    ...(sendsTypes ? types : []),
    ...parameters.map(({ value }) => value ?? Buffer.alloc(0)),
  ]);
}
