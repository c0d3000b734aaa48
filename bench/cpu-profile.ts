/** Reads V8's CPU profiles (the form of the DevTools protocol's Profiler.Profile): self time by function and file. */
import { z } from 'zod';
import { byFile, type FileTime, type SelfTime, shortPath } from './self-time.ts';

const callFrameSchema = z.object({
  functionName: z.string(),
  url: z.string(),
  /** Counted from 0; -1: none. */
  lineNumber: z.number(),
});

const profileSchema = z.object({
  nodes: z.array(
    z.object({
      id: z.number(),
      callFrame: callFrameSchema,
    }),
  ),
  /** Microseconds of the monotonic clock. */
  startTime: z.number(),
  samples: z.array(z.number()),
  /** Microseconds since the sample before. */
  timeDeltas: z.array(z.number()),
});

type CallFrame = z.output<typeof callFrameSchema>;
export type CpuProfile = z.output<typeof profileSchema>;

/** V8 was waiting: no CPU was used. */
const IDLE = '(idle)';
const NATIVE = '(V8 and native code)';

/** Throws where the text is no profile. */
export function parseProfile(text: string): CpuProfile {
  return profileSchema.parse(JSON.parse(text));
}

/** `from` and `to`: microseconds of the monotonic clock, between which samples count. */
export function selfTimes(
  profiles: readonly CpuProfile[],
  { from, to }: { readonly from: number; readonly to: number },
): FileTime[] {
  const times: SelfTime[] = [];
  for (const profile of profiles) {
    const nodes = new Map(profile.nodes.map((node) => [node.id, node.callFrame]));
    let now = profile.startTime;
    for (const [index, id] of profile.samples.entries()) {
      const weight = profile.timeDeltas[index] ?? 0;
      now += weight;
      const frame = nodes.get(id);
      if (frame === undefined || now < from || now > to || frame.functionName === IDLE) continue;
      times.push({ file: fileOf(frame.url), name: nameOf(frame), weight });
    }
  }
  return byFile(times);
}

function nameOf({ functionName, lineNumber }: CallFrame): string {
  const name = functionName === '' ? '(anonymous)' : functionName;
  return lineNumber < 0 ? name : `${name}:${lineNumber + 1}`;
}

function fileOf(url: string): string {
  return url === '' ? NATIVE : shortPath(url);
}
