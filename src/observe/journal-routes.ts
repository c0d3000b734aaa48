/** The journal over HTTP: for the sync, and for whoever wants to know which keys are in doubt. */
import type { FastifyInstance, FastifyReply } from 'fastify';
import { z } from 'zod';

/** What is asked of one shard's journal, by whoever; `settle` and `full_pass` change it. */
export const journalRequestSchema = z.discriminatedUnion('do', [
  z.object({
    do: z.literal('read'),
    cursor: z.string(),
    limit: z.number(),
    part: z.enum(['all', 'doubts']),
    marks: z.enum(['yes', 'no']),
  }),
  z.object({
    do: z.literal('settle'),
    cursor: z.string(),
    entries: z.array(
      z.object({
        table: z.string(),
        key: z.string().nullable(),
        reason: z.string(),
        count: z.number(),
        mark: z.string().optional(),
      }),
    ),
  }),
  z.object({ do: z.literal('full_pass'), epoch: z.number() }),
]);
export type JournalRequest = z.output<typeof journalRequestSchema>;

/** An answer as HTTP has it: its code, and what becomes JSON. */
export interface JournalAnswer {
  readonly code: number;
  readonly body: unknown;
}

/** Whoever can reach the shard's journal; null: no shard has this name. Never rejects. */
export type AskJournal = (shard: string, request: JournalRequest) => Promise<JournalAnswer | null>;

const LIMIT_DEFAULT = 1000;
export const LIMIT_MAX = 10_000;
const SETTLE_BYTES_MAX = 4 * 1024 * 1024;

const limitError = { error: `must be a whole number from 1 to ${LIMIT_MAX}` };
const name = z.string({
  error: ({ input }) => (input === undefined ? 'is missing: name the shard' : 'must be one name'),
});
const querySchema = z.strictObject({
  shard: name,
  cursor: z.string({ error: 'may be given once' }).default(''),
  limit: z.coerce
    .number(limitError)
    .int(limitError)
    .min(1, limitError)
    .max(LIMIT_MAX, limitError)
    .default(LIMIT_DEFAULT),
  part: z.enum(['all', 'doubts'], { error: 'must be "all" or "doubts"' }).default('all'),
  marks: z.enum(['yes', 'no'], { error: 'must be "yes" or "no"' }).default('no'),
});

const settleSchema = z.strictObject({
  shard: name,
  cursor: z.string({ error: 'is missing: the one of the answer that the entries are from' }),
  entries: z
    .array(
      z.strictObject({
        table: z.string(),
        key: z.string().nullable(),
        reason: z.string(),
        count: z.number().int().min(1),
        mark: z.string().optional(),
      }),
    )
    .max(LIMIT_MAX),
});

const fullPassSchema = z.strictObject({ shard: name, epoch: z.number().int().min(0) });

export function addJournalRoutes(server: FastifyInstance, ask: AskJournal): void {
  server.get('/api/journal', async (request, reply) => {
    const parsed = querySchema.safeParse(request.query);
    if (!parsed.success) return refuse(reply, parsed.error);
    const { shard, ...question } = parsed.data;
    return answer(reply, shard, await ask(shard, { do: 'read', ...question }));
  });
  server.post('/api/journal/settle', { bodyLimit: SETTLE_BYTES_MAX }, async (request, reply) => {
    const parsed = settleSchema.safeParse(request.body);
    if (!parsed.success) return refuse(reply, parsed.error);
    const { shard, cursor, entries } = parsed.data;
    return answer(reply, shard, await ask(shard, { do: 'settle', cursor, entries }));
  });
  server.post('/api/journal/full-pass', async (request, reply) => {
    const parsed = fullPassSchema.safeParse(request.body);
    if (!parsed.success) return refuse(reply, parsed.error);
    const { shard, epoch } = parsed.data;
    return answer(reply, shard, await ask(shard, { do: 'full_pass', epoch }));
  });
}

function answer(reply: FastifyReply, shard: string, given: JournalAnswer | null): unknown {
  if (given === null) {
    reply.code(404);
    return { error: 'not_found', message: `shard: no shard is named "${shard.slice(0, 100)}" here` };
  }
  reply.code(given.code);
  return given.body;
}

/** Every fault, with its place. */
function refuse(reply: FastifyReply, error: z.ZodError): unknown {
  const faults = error.issues.map(({ path, message }) =>
    [path.join('.'), message].filter(Boolean).join(': '),
  );
  reply.code(400);
  return { error: 'bad_request', message: faults.join('; ') };
}
