/** Asks proxies for their status over HTTP, with bounds on time and size. */
import { z } from 'zod';
import { messageOf } from '../base/errors.ts';
import { type StatusReport, WORKER_STATES } from '../observe/status.ts';
import { shardStatusSchema } from '../observe/status-schema.ts';

const TIMEOUT_MS = 3000;
/** 1024 shards with their samples fit well. */
const MAX_BYTES = 64 * 1024 * 1024;

export interface ProxyAddress {
  /** Undefined for a proxy that is known only by the configuration's admin address. */
  readonly id: string | undefined;
  /** Base URL of its admin HTTP. */
  readonly admin: string;
}

export type ProxyStatus =
  | { readonly type: 'reachable'; readonly address: ProxyAddress; readonly report: StatusReport }
  | { readonly type: 'unreachable'; readonly address: ProxyAddress; readonly reason: string };

const reportSchema: z.ZodType<StatusReport> = z.object({
  id: z.string(),
  service: z.string(),
  version: z.string(),
  pid: z.number(),
  startedAt: z.string(),
  draining: z.boolean(),
  phase: z.literal('mirroring'),
  control: z.object({
    source: z.enum(['etcd', 'file']),
    connected: z.boolean(),
    revision: z.number(),
    appliedAt: z.string(),
  }),
  workers: z
    .array(
      z.object({
        worker: z.number(),
        pid: z.number().nullable(),
        state: z.enum(WORKER_STATES),
        since: z.string(),
        restarts: z.number(),
        shards: z.array(z.string()),
      }),
    )
    // A proxy of an earlier version, in the middle of a rollout, has none to tell of.
    .default([]),
  shards: z.array(shardStatusSchema),
});

/** `token`: of the admin port. Never rejects: whatever goes wrong is the reason of an unreachable proxy. */
export async function fetchStatus(address: ProxyAddress, token: string | undefined): Promise<ProxyStatus> {
  try {
    const response = await fetch(new URL('/api/status', address.admin), {
      signal: AbortSignal.timeout(TIMEOUT_MS),
      // The token is for the proxies alone: no answer may lead it elsewhere.
      redirect: 'error',
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    });
    if (response.status === 401)
      throw new Error(`it asks for ${token === undefined ? 'a' : 'another'} token: see admin.token`);
    if (response.status !== 200) throw new Error(`it answers with HTTP status ${response.status}`);
    const parsed = reportSchema.safeParse(JSON.parse(await readBody(response)));
    if (!parsed.success)
      throw new Error('it answers with something other than a status report; is it another version?');
    return { type: 'reachable', address, report: parsed.data };
  } catch (error) {
    return { type: 'unreachable', address, reason: reasonOf(error) };
  }
}

async function readBody(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    if (size > MAX_BYTES) throw new Error(`its answer is larger than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** fetch hides the socket's own error behind "fetch failed". */
function reasonOf(error: unknown): string {
  if (error instanceof Error && error.name === 'TimeoutError')
    return `no answer within ${TIMEOUT_MS / 1000} s`;
  if (error instanceof SyntaxError) return 'it answers with something other than JSON';
  return error instanceof Error && error.cause !== undefined ? messageOf(error.cause) : messageOf(error);
}
