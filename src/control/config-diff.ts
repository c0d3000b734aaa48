/** Which settings differ between two configurations, by path and never by value (some are secrets). */

/** More than a person would read in one log line. */
const MAX_PATHS = 20;

/**
 * Paths such as `shards[0].old.port`, in file order, at most `MAX_PATHS` and then one "… and N more".
 * The fields in `ignored` (of the top level) are left out.
 */
export function differingPaths(left: object, right: object, ignored: readonly string[]): string[] {
  const paths: string[] = [];
  const fields = (value: object): [string, unknown][] =>
    Object.entries(value).filter(([name]) => !ignored.includes(name));
  compare(Object.fromEntries(fields(left)), Object.fromEntries(fields(right)), '', paths);
  if (paths.length <= MAX_PATHS) return paths;
  return [...paths.slice(0, MAX_PATHS), `… and ${paths.length - MAX_PATHS} more`];
}

function compare(left: unknown, right: unknown, path: string, paths: string[]): void {
  if (Object.is(left, right)) return;
  if (left instanceof Uint8Array && right instanceof Uint8Array) {
    if (Buffer.compare(left, right) !== 0) paths.push(path);
    return;
  }
  if (!isTree(left) || !isTree(right) || Array.isArray(left) !== Array.isArray(right)) {
    paths.push(path);
    return;
  }
  const inList = Array.isArray(left);
  for (const name of new Set([...Object.keys(left), ...Object.keys(right)])) {
    const next = inList ? `${path}[${name}]` : `${path}${path === '' ? '' : '.'}${name}`;
    compare(left[name], right[name], next, paths);
  }
}

function isTree(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
