/** The journals that one proxy keeps, as its admin port gives them: read page by page, and settled. */
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { DOUBT_REASONS, type Doubt, type JournalPage, type Settled } from '../journal/journal.ts';
import { type AdminQuestion, askProxy, type ProxyAddress } from '../observe/admin-fetch.ts';

export interface JournalClientOptions {
  readonly address: ProxyAddress;
  /** Of the admin port. */
  readonly token: string | undefined;
  /** Entries a page. */
  readonly pageEntries?: number;
}

/** What a proxy says of one shard's journal as a whole, and of its mirror. */
export interface JournalState {
  readonly keys: number;
  /** A full pass is owed, which must have begun at this epoch or later to make it good. */
  readonly reset: boolean;
  readonly epoch: number;
  /** For how long the oldest write has waited for its replay. */
  readonly lagSeconds: number;
}

/** The proxy could not be asked, or would not do it. */
export class ProxyUnreachable extends Error {
  override readonly name = 'ProxyUnreachable';
}

const PAGE_ENTRIES = 1000;
const ATTEMPTS = 3;
/** Of one that has answered before: it may be in the middle of a restart, which takes some seconds. */
const ATTEMPTS_KNOWN = 10;
const PAUSE_MS = 500;
const PAUSE_MAX_MS = 2000;
/** In these a worker tells of its shards as they are. */
const TELLING: ReadonlySet<string> = new Set(['serving', 'draining']);

const doubtSchema = z.object({
  table: z.string(),
  key: z.string().nullable(),
  reason: z.enum(DOUBT_REASONS),
  count: z.number(),
  mark: z.string(),
});
const pageSchema: z.ZodType<JournalPage> = z.object({
  entries: z.array(doubtSchema),
  cursor: z.string(),
  reset: z.boolean(),
});
const settledSchema: z.ZodType<Settled> = z.object({
  settled: z.number(),
  kept: z.number(),
  stale: z.boolean(),
});
const stateSchema = z.object({
  workers: z
    .array(z.object({ worker: z.number(), state: z.string(), shards: z.array(z.string()) }))
    .default([]),
  shards: z.array(
    z.object({
      name: z.string(),
      lagSeconds: z.number(),
      journal: z.object({ keys: z.number(), reset: z.boolean(), epoch: z.number() }),
    }),
  ),
});
/** Of a conflict the body says why; nothing of it is needed. */
const doneSchema = z.object({ error: z.string().optional() });

export class JournalClient {
  readonly #options: JournalClientOptions;
  #known: 'yes' | 'no' = 'no';

  constructor(options: JournalClientOptions) {
    this.#options = options;
  }

  /** By which the proxy is found. */
  get name(): string {
    const { id, admin } = this.#options.address;
    return id === undefined ? admin : `${id} (${admin})`;
  }

  /**
   * Of every shard that the proxy serves, by name. Rejects with ProxyUnreachable, also where one of its workers is down
   * or silent: what that one has in doubt, and has still to replay, is not known then. `once`: it is not waited for.
   */
  async states(patience?: 'once'): Promise<ReadonlyMap<string, JournalState>> {
    const question = { path: '/api/status', schema: stateSchema, what: 'a status report' };
    const { shards } = await this.#ask(question, {
      ...(patience === 'once' ? { attempts: 1 } : {}),
      lacks: ({ workers }) => {
        const mute = workers.find(({ state }) => !TELLING.has(state));
        return mute && `its worker ${mute.worker} (${mute.shards.join(', ')}) is ${mute.state}`;
      },
    });
    return new Map(shards.map(({ name, lagSeconds, journal }) => [name, { ...journal, lagSeconds }]));
  }

  /**
   * What is in doubt, without the keys of writes that are under way, until a page is not full. A page's cursor is good for settling its entries: it was given before
   * anything of theirs was looked at. Fails with ProxyUnreachable.
   */
  async *pages(shard: string): AsyncGenerator<JournalPage> {
    const { pageEntries = PAGE_ENTRIES } = this.#options;
    let cursor = '';
    for (;;) {
      const query = new URLSearchParams({
        ...{ shard, part: 'doubts', marks: 'yes' },
        limit: String(pageEntries),
      });
      if (cursor !== '') query.set('cursor', cursor);
      const page = await this.#ask({
        path: `/api/journal?${query}`,
        schema: pageSchema,
        what: 'a page of its journal',
      });
      yield page;
      if (page.entries.length < pageEntries) return;
      cursor = page.cursor;
    }
  }

  /**
   * `seen`: entries as they were read, with their marks, by which it changes nothing to be asked again where the answer
   * is lost. Rejects with ProxyUnreachable.
   */
  settle(shard: string, seen: readonly Doubt[], cursor: string): Promise<Settled> {
    return this.#ask({
      path: '/api/journal/settle',
      body: { shard, cursor, entries: seen },
      schema: settledSchema,
      what: 'what it settled',
    });
  }

  /**
   * A full pass that began at this epoch has made everything good. False: more was lost meanwhile, or the journal
   * can't be written just now. Rejects with ProxyUnreachable.
   */
  async fullPassDone(shard: string, epoch: number): Promise<boolean> {
    const { error } = await this.#ask({
      path: '/api/journal/full-pass',
      body: { shard, epoch },
      schema: doneSchema,
      what: 'whether the reset is over',
      accepted: [409],
    });
    return error === undefined;
  }

  /** A proxy that is busy, or in the middle of a restart, is asked again. `lacks`: why an answer is not whole. */
  async #ask<Report>(
    question: Omit<AdminQuestion<Report>, 'token'>,
    {
      attempts = this.#known === 'yes' ? ATTEMPTS_KNOWN : ATTEMPTS,
      lacks,
    }: { attempts?: number; lacks?: (report: Report) => string | undefined } = {},
  ): Promise<Report> {
    const { address, token } = this.#options;
    for (let attempt = 1; ; attempt++) {
      const answer = await askProxy(address, { ...question, token });
      const fault = answer.type === 'reachable' ? lacks?.(answer.report) : answer.reason;
      if (answer.type === 'reachable' && fault === undefined) {
        this.#known = 'yes';
        return answer.report;
      }
      if (attempt >= attempts) {
        if (attempts > 1) this.#known = 'no';
        throw new ProxyUnreachable(`proxy ${this.name}: ${fault}`);
      }
      await pause(Math.min(PAUSE_MAX_MS, PAUSE_MS * attempt));
    }
  }
}
