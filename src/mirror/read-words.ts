/** Whether a read that was prepared before its session set other words still says the same. */

/** Stands between what `SessionSettings.words` says of the character sets and the sql_mode behind it. */
export const BEFORE_MODE = '\n';

/** Modes that bear on what is stored, kept or made, and on no read. */
const OF_WRITES: ReadonlySet<string> = new Set([
  'STRICT_TRANS_TABLES',
  'STRICT_ALL_TABLES',
  'NO_AUTO_VALUE_ON_ZERO',
  'NO_ENGINE_SUBSTITUTION',
  'NO_AUTO_CREATE_USER',
  'NO_DIR_IN_CREATE',
]);

/**
 * Its values come in the words of now; of its own text, ASCII is the same in every character set that a client may
 * speak, and a column that it is held against settles the collation.
 */
export function readsAlike(text: Buffer, prepared: string, now: string): boolean {
  if (prepared === now) return true;
  const [before, after] = [split(prepared), split(now)];
  if (before.modes !== after.modes) return false;
  return before.names === after.names || text.every((byte) => byte < 0x80);
}

function split(words: string): { names: string; modes: string } {
  const at = words.indexOf(BEFORE_MODE);
  const modes = words
    .slice(at + 1)
    .toUpperCase()
    .split(',');
  const ofReads = modes.map((one) => one.trim()).filter((one) => one !== '' && !OF_WRITES.has(one));
  return { names: words.slice(0, at), modes: [...new Set(ofReads)].sort().join() };
}
