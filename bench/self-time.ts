/** Time on top of the stack, by function and file. */

export interface SelfTime {
  readonly file: string;
  /** The function, with its line where that is known. */
  readonly name: string;
  /** In whatever unit; only shares are shown. */
  readonly weight: number;
}

export interface FileTime {
  readonly file: string;
  readonly weight: number;
  /** The most expensive first. */
  readonly functions: readonly SelfTime[];
}

/** One in this many is too little to be shown. */
const SHOWN_ONE_IN = 200;

/** The most expensive first. */
export function byFile(times: readonly SelfTime[]): FileTime[] {
  const files = new Map<string, Map<string, SelfTime>>();
  for (const time of times) {
    const functions = files.get(time.file) ?? new Map<string, SelfTime>();
    files.set(time.file, functions);
    const before = functions.get(time.name)?.weight ?? 0;
    functions.set(time.name, { ...time, weight: time.weight + before });
  }
  return [...files]
    .map(([file, functions]) => {
      const sorted = [...functions.values()].toSorted((a, b) => b.weight - a.weight);
      return { file, functions: sorted, weight: sorted.reduce((sum, { weight }) => sum + weight, 0) };
    })
    .toSorted((a, b) => b.weight - a.weight);
}

export function renderSelfTimes(files: readonly FileTime[]): string {
  const all = files.reduce((sum, { weight }) => sum + weight, 0);
  const share = (weight: number): string => `${((weight / all) * 100).toFixed(1).padStart(5)} %`;
  const shown = ({ weight }: { readonly weight: number }): boolean => weight * SHOWN_ONE_IN >= all;
  return files
    .filter(shown)
    .flatMap(({ file, weight, functions }) => [
      `${share(weight)}  ${file}`,
      ...functions.filter(shown).map((each) => `    ${share(each.weight)}  ${each.name}`),
    ])
    .join('\n');
}

/** Ours by their path below the repository, packages by theirs below node_modules. */
export function shortPath(url: string): string {
  return /.*\/node_modules\/(.*)$/.exec(url)?.[1] ?? /.*\/((?:dist|bench)\/.*)$/.exec(url)?.[1] ?? url;
}
