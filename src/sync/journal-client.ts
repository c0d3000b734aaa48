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
const PAUSE_MS = 500;

const doubtSchema = z.object({
  table: z.string(),
  key: z.string().nullable(),
  reason: z.enum(DOUBT_REASONS),
  count: z.number(),
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

  constructor(options: JournalClientOptions) {
    this.#options = options;
  }

  /** By which the proxy is found. */
  get name(): string {
    const { id, admin } = this.#options.address;
    return id === undefined ? admin : `${id} (${admin})`;
  }

  /** Of every shard that the proxy serves, by name. Rejects with ProxyUnreachable. */
  async states(): Promise<ReadonlyMap<string, JournalState>> {
    const { shards } = await this.#ask({
      path: '/api/status',
      schema: stateSchema,
      what: 'a status report',
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
      const query = new URLSearchParams({ shard, part: 'doubts', limit: String(pageEntries) });
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
   * `seen`: entries as they were read, with their counts. Asked once: an answer that was lost may have been a yes, and
   * to subtract twice could settle what was noted since. Rejects with ProxyUnreachable.
   */
  settle(shard: string, seen: readonly Doubt[], cursor: string): Promise<Settled> {
    const question = {
      path: '/api/journal/settle',
      body: { shard, cursor, entries: seen },
      schema: settledSchema,
      what: 'what it settled',
    };
    return this.#ask(question, 1);
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

  /** A proxy that is busy, or in the middle of a restart, is asked again. */
  async #ask<Report>(
    question: Omit<AdminQuestion<Report>, 'token'>,
    attempts: number = ATTEMPTS,
  ): Promise<Report> {
    const { address, token } = this.#options;
    for (let attempt = 1; ; attempt++) {
      const answer = await askProxy(address, { ...question, token });
      if (answer.type === 'reachable') return answer.report;
      if (attempt >= attempts) throw new ProxyUnreachable(`proxy ${this.name}: ${answer.reason}`);
      await pause(PAUSE_MS * attempt);
    }
  }
}
