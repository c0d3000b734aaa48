/** Asks a proxy's admin port over HTTP, with bounds on time and size. */
import type { z } from 'zod';
import { messageOf } from '../base/errors.ts';

const TIMEOUT_MS = 3000;
/** 1024 shards with their samples fit well. */
const MAX_BYTES = 64 * 1024 * 1024;

export interface ProxyAddress {
  /** Undefined for a proxy that is known only by the configuration's admin address. */
  readonly id: string | undefined;
  /** Base URL of its admin HTTP. */
  readonly admin: string;
}

/** What came of a question to one proxy. */
export type Asked<Report> =
  | { readonly type: 'reachable'; readonly address: ProxyAddress; readonly report: Report }
  | { readonly type: 'unreachable'; readonly address: ProxyAddress; readonly reason: string };

export interface AdminQuestion<Report> {
  /** The path with its query. */
  readonly path: string;
  readonly schema: z.ZodType<Report>;
  /** What the answer is called in an error, such as `a status report`. */
  readonly what: string;
  /** Of the admin port. */
  readonly token: string | undefined;
  /** Sent as JSON by POST; left out: a GET. */
  readonly body?: unknown;
  /** HTTP statuses besides 200 whose answers are of the schema too. */
  readonly accepted?: readonly number[];
}

/** Never rejects: whatever goes wrong is the reason of an unreachable proxy. */
export async function askProxy<Report>(
  address: ProxyAddress,
  { path, schema, what, token, body, accepted = [] }: AdminQuestion<Report>,
): Promise<Asked<Report>> {
  try {
    const response = await fetch(new URL(path, address.admin), {
      signal: AbortSignal.timeout(TIMEOUT_MS),
      // The token is for the proxies alone: no answer may lead it elsewhere.
      redirect: 'error',
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
    });
    if (response.status === 401)
      throw new Error(`it asks for ${token === undefined ? 'a' : 'another'} token: see admin.token`);
    if (response.status !== 200 && !accepted.includes(response.status))
      throw new Error(`it answers with HTTP status ${response.status}`);
    const parsed = schema.safeParse(JSON.parse(await readBody(response)));
    if (!parsed.success)
      throw new Error(`it answers with something other than ${what}; is it another version?`);
    return { type: 'reachable', address, report: parsed.data };
  } catch (error) {
    return { type: 'unreachable', address, reason: reasonOf(error) };
  }
}

/** Of those that answered, in their order. */
export function reportsOf<Report>(all: readonly Asked<Report>[]): Report[] {
  return all.flatMap((asked) => (asked.type === 'reachable' ? [asked.report] : []));
}

/** A sentence for each that did not answer: its id as far as it is known, and where it was looked for. */
export function unreachableFaults(all: readonly Asked<unknown>[]): string[] {
  return all.flatMap((asked) => {
    if (asked.type === 'reachable') return [];
    const { id, admin } = asked.address;
    return [`proxy ${id === undefined ? admin : `${id} (${admin})`} is unreachable: ${asked.reason}`];
  });
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
