/** One text for all spellings of a JSON document: as MySQL keeps it, and as MariaDB was given it. */

/** Strings and numbers; what else stands in a document (brackets, words) stays as it is. */
const TOKEN = /"(?:[^"\\]|\\.)*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/gs;
const INTEGER = /^-?\d+$/;
const INTEGER_MIN = -(2n ** 63n);
const INTEGER_MAX = 2n ** 64n - 1n;

/**
 * Keys in one order, the last of those that are there twice; integers by all their digits, other numbers as the double
 * that they are, 1.0 not being 1. What is no JSON is a text of its own.
 */
export function canonicalJson(text: string): string {
  try {
    // Numbers become strings before they are parsed, as their digits would be lost.
    const marked = text.replace(TOKEN, (token) =>
      token.startsWith('"') ? `"s${token.slice(1)}` : `"${markedNumber(token)}"`,
    );
    return write(JSON.parse(marked));
  } catch {
    return `text:${text}`;
  }
}

function markedNumber(token: string): string {
  if (INTEGER.test(token)) {
    const whole = BigInt(token);
    if (whole >= INTEGER_MIN && whole <= INTEGER_MAX) return `i${whole}`;
  }
  const number = Number(token);
  return `d${Object.is(number, -0) ? '-0' : number}`;
}

function write(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(write).join()}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const members = Object.entries(value).map(([key, member]) => `${JSON.stringify(key)}:${write(member)}`);
  return `{${members.sort().join()}}`;
}
