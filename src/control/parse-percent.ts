/** Reads a share in percent as people write it in etcd and on the command line. */

export type ParsedPercent =
  | { readonly ok: true; readonly percent: number }
  | { readonly ok: false; readonly reason: string };

/** Longer than any good value with generous blanks; more is not looked at. */
const MAX_LENGTH = 64;

/**
 * `text` is 0 to 100 with at most two decimals, in plain digits; blanks around it are allowed, because
 * `etcdctl put` from a pipe keeps the newline. Everything else is refused with the reason, in words that
 * follow "the value".
 */
export function parsePercent(text: string): ParsedPercent {
  if (text.length > MAX_LENGTH) return refuse(`is longer than ${MAX_LENGTH} characters`);
  const trimmed = text.trim();
  if (trimmed === '') return refuse('is empty');
  if (!/^-?\d+(\.\d+)?$/.test(trimmed)) return refuse('is not a plain number');
  const percent = Number(trimmed);
  if (percent < 0 || trimmed.startsWith('-')) return refuse('is below 0');
  if (percent > 100) return refuse('is above 100');
  if (/\.\d{3,}$/.test(trimmed)) return refuse('has more than two decimals');
  return { ok: true, percent };
}

function refuse(reason: string): ParsedPercent {
  return { ok: false, reason };
}
