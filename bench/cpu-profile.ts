/** Reads V8's CPU profiles (the form of the DevTools protocol's Profiler.Profile): self time by function and file. */
import { z } from 'zod';

const profileSchema = z.object({
  nodes: z.array(
    z.object({
      id: z.number(),
      callFrame: z.object({ functionName: z.string(), url: z.string(), lineNumber: z.number() }),
    }),
  ),
  /** Microseconds of the monotonic clock. */
  startTime: z.number(),
  samples: z.array(z.number()),
  /** Microseconds since the sample before. */
  timeDeltas: z.array(z.number()),
});

export type CpuProfile = z.output<typeof profileSchema>;

export interface FunctionTime {
  /** Microseconds on top of the stack. */
  readonly micros: number;
  readonly name: string;
  /** Counted from 1. */
  readonly line: number;
}

export interface FileTime {
  readonly file: string;
  readonly micros: number;
  /** The most expensive first. */
  readonly functions: readonly FunctionTime[];
}

/** V8 was waiting: no CPU was used. */
const IDLE = '(idle)';
const NATIVE = '(V8 and native code)';

/** Throws where the text is no profile. */
export function parseProfile(text: string): CpuProfile {
  return profileSchema.parse(JSON.parse(text));
}

/** `from` and `to`: microseconds of the monotonic clock, between which samples count. The most expensive first. */
export function selfTimes(
  profiles: readonly CpuProfile[],
  { from, to }: { readonly from: number; readonly to: number },
): FileTime[] {
  const files = new Map<string, Map<string, FunctionTime>>();
  for (const profile of profiles) {
    const nodes = new Map(profile.nodes.map((node) => [node.id, node.callFrame]));
    let now = profile.startTime;
    for (const [index, id] of profile.samples.entries()) {
      const micros = profile.timeDeltas[index] ?? 0;
      now += micros;
      const frame = nodes.get(id);
      if (frame === undefined || now < from || now > to || frame.functionName === IDLE) continue;
      const functions = getOrMake(files, fileOf(frame.url));
      const name = frame.functionName === '' ? '(anonymous)' : frame.functionName;
      const line = frame.lineNumber + 1;
      const key = `${name}:${line}`;
      functions.set(key, { name, line, micros: micros + (functions.get(key)?.micros ?? 0) });
    }
  }
  return [...files]
    .map(([file, functions]) => {
      const sorted = [...functions.values()].toSorted((a, b) => b.micros - a.micros);
      return { file, functions: sorted, micros: sorted.reduce((sum, each) => sum + each.micros, 0) };
    })
    .toSorted((a, b) => b.micros - a.micros);
}

/** Shares of the time that was not idle; what is below one in two hundred is left out. */
export function renderSelfTimes(files: readonly FileTime[]): string {
  const all = files.reduce((sum, file) => sum + file.micros, 0);
  const share = (micros: number): string => `${((micros / all) * 100).toFixed(1).padStart(5)} %`;
  return files
    .filter((file) => file.micros * 200 >= all)
    .flatMap((file) => [
      `${share(file.micros)}  ${file.file}`,
      ...file.functions
        .filter(({ micros }) => micros * 200 >= all)
        .map(({ micros, name, line }) => `    ${share(micros)}  ${name}${line > 0 ? `:${line}` : ''}`),
    ])
    .join('\n');
}

/** Ours by their path below the repository, packages by theirs below node_modules. */
function fileOf(url: string): string {
  if (url === '') return NATIVE;
  return /.*\/node_modules\/(.*)$/.exec(url)?.[1] ?? /\/((?:dist|bench)\/.*)$/.exec(url)?.[1] ?? url;
}

function getOrMake<V>(map: Map<string, Map<string, V>>, key: string): Map<string, V> {
  const found = map.get(key) ?? new Map<string, V>();
  map.set(key, found);
  return found;
}
