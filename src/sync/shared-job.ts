/** One sync that several processes share by etcd: which of them belong together, and who is there. */
import { createHash, randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { z } from 'zod';
import { UsageError } from '../base/errors.ts';
import type { SharedStore, StoredKey } from '../control/shared-store.ts';
import { JobMember } from './job-member.ts';

export interface SharedJobOptions {
  readonly store: SharedStore;
  /** Of all jobs of the service; ends with "/". */
  readonly prefix: string;
  /** By what a job is known: those of the same wishes are one. Names are for people, values are JSON. */
  readonly wishes: Readonly<Record<string, unknown>>;
  /** What it covers. */
  readonly scope: JobScope;
  readonly ttlSeconds: number;
  readonly told: (text: string) => void;
}

export interface JobScope {
  readonly shards: readonly string[];
  /** Null: all. */
  readonly tables: readonly string[] | null;
  /** It writes nothing: it is in nobody's way. */
  readonly check: boolean;
}

/** Of what is written down: processes of another version share no job with this one. */
const VERSION = 2;
/** A job that nobody has worked on for so long is forgotten, by etcd itself. */
const JOB_TTL_SECONDS = 7 * 86_400;

const currentSchema = z.strictObject({
  instance: z.string(),
  lease: z.string(),
  wishes: z.record(z.string(), z.unknown()),
  scope: z.strictObject({
    shards: z.array(z.string()),
    tables: z.array(z.string()).nullable(),
    check: z.boolean(),
  }),
});
type Current = z.output<typeof currentSchema>;

interface FoundJob {
  readonly key: StoredKey;
  readonly current: Current;
}

export class SharedJob {
  /** What all its keys begin with; another one each time that the job is begun. */
  readonly keys: string;
  readonly member: JobMember;
  readonly #options: SharedJobOptions;
  readonly #current: StoredKey;

  private constructor(
    options: SharedJobOptions,
    found: { readonly keys: string; readonly current: StoredKey },
    member: JobMember,
  ) {
    this.#options = options;
    this.keys = found.keys;
    this.#current = found.current;
    this.member = member;
  }

  /** Rejects with UsageError where another job is under way over the same rows. */
  static async join(options: SharedJobOptions): Promise<SharedJob> {
    const { store, prefix, wishes, told, ttlSeconds } = options;
    const id = idOf(wishes);
    for (;;) {
      const all = await jobsUnder(store, prefix);
      const found = all.find(({ key }) => key.key === `${prefix}current/${id}`) ?? null;
      if (found === null) {
        await begin(options, id);
        continue;
      }
      const keys = `${prefix}data/${id}/${found.current.instance}/`;
      const memberId = randomBytes(6).toString('hex');
      const member = new JobMember({
        store,
        id: memberId,
        key: `${keys}members/${memberId}`,
        value: whoWeAre(),
        ttlSeconds,
        jobLease: found.current.lease,
      });
      if (!(await member.join(found.key))) continue;
      const job = new SharedJob(options, { keys, current: found.key }, member);
      await job.#expectAlone(id);
      const members = await membersOf(store, keys);
      const own = members.find(({ key }) => key.endsWith(`/${memberId}`));
      const others = members.filter(({ created }) => created < (own?.created ?? 0));
      if (others.length > 0) told(`takes part in the sync that runs on ${others.map(placeOf).join(', ')}`);
      else if (await job.#hasBegun()) told('goes on where the sync before this one ended');
      return job;
    }
  }

  /** `finished`: whoever comes next begins anew. The last one to leave takes the keys away. */
  async leave(how: 'finished' | 'left'): Promise<void> {
    const { store } = this.#options;
    const { key, created } = this.#current;
    if (how === 'finished') await store.commit([{ key, created }], [{ remove: key }]);
    await this.member.leave();
    if (how === 'finished' && (await membersOf(store, this.keys)).length === 0)
      await store.revoke(this.member.jobLease);
  }

  async #hasBegun(): Promise<boolean> {
    const { spans } = await this.#options.store.read([{ prefix: `${this.keys}steps/` }]);
    return (spans[0] ?? []).length > 0;
  }

  /** Of two that come at the same time the later one gives way. */
  async #expectAlone(id: string): Promise<void> {
    const { store, prefix, scope, wishes } = this.#options;
    const own = (await membersOf(store, this.keys)).find(({ key }) => key.endsWith(`/${this.member.id}`));
    for (const { key, current } of await jobsUnder(store, prefix)) {
      const other = key.key.slice(`${prefix}current/`.length);
      if (other === id || scope.check || current.scope.check || !overlap(scope, current.scope)) continue;
      const members = await membersOf(store, `${prefix}data/${other}/${current.instance}/`);
      if (!members.some(({ created }) => created < (own?.created ?? Number.POSITIVE_INFINITY))) continue;
      await this.member.leave();
      throw new UsageError(refusal(members, wishes, current.wishes));
    }
  }
}

function idOf(wishes: Readonly<Record<string, unknown>>): string {
  return createHash('sha256')
    .update(JSON.stringify([VERSION, wishes]))
    .digest('hex')
    .slice(0, 12);
}

async function begin({ store, prefix, wishes, scope }: SharedJobOptions, id: string): Promise<void> {
  const lease = await store.grant(JOB_TTL_SECONDS);
  const key = `${prefix}current/${id}`;
  const value = JSON.stringify({ instance: randomBytes(6).toString('hex'), lease, wishes, scope });
  if ((await store.commit([{ key, created: 0 }], [{ put: key, value, lease }])) !== null) return;
  const { spans } = await store.read([{ prefix: key }]);
  const there = spans[0]?.[0];
  // The answer to the commit may have been lost alone.
  if (there?.value === value) return;
  await store.revoke(lease);
  if (there !== undefined && !currentSchema.safeParse(parsed(there.value)).success)
    throw new UsageError(`${key} in etcd: is nothing that a sync wrote; remove it`);
}

async function jobsUnder(store: SharedStore, prefix: string): Promise<readonly FoundJob[]> {
  const { spans } = await store.read([{ prefix: `${prefix}current/` }]);
  return (spans[0] ?? []).flatMap((key) => {
    const current = currentSchema.safeParse(parsed(key.value));
    // Of another version: nothing that this one could share or judge.
    return current.success ? [{ key, current: current.data }] : [];
  });
}

async function membersOf(store: SharedStore, keys: string): Promise<readonly StoredKey[]> {
  const { spans } = await store.read([{ prefix: `${keys}members/` }]);
  return spans[0] ?? [];
}

function overlap(one: JobScope, other: JobScope): boolean {
  const tables = one.tables;
  return (
    one.shards.some((shard) => other.shards.includes(shard)) &&
    (tables === null || other.tables === null || other.tables.some((table) => tables.includes(table)))
  );
}

function refusal(
  members: readonly StoredKey[],
  ours: Readonly<Record<string, unknown>>,
  theirs: Readonly<Record<string, unknown>>,
): string {
  const names = [...new Set([...Object.keys(ours), ...Object.keys(theirs)])];
  const differing = names
    .filter((name) => JSON.stringify(ours[name]) !== JSON.stringify(theirs[name]))
    .map((name) =>
      name.startsWith('"') ? name : `${name}: ${shown(ours[name])} here, ${shown(theirs[name])} there`,
    );
  return [
    `another sync of the same rows runs on ${members.map(placeOf).join(', ')}, with other options (${differing.join('; ')})`,
    'give the same options to take part in it, wait for its end, or choose other shards by --shard; --alone starts this one beside it',
  ].join('\n');
}

function shown(value: unknown): string {
  if (value === null || value === undefined || value === false) return 'not given';
  return Array.isArray(value) ? value.join(',') : String(value);
}

function whoWeAre(): string {
  return JSON.stringify({ host: hostname(), pid: process.pid, startedAt: new Date().toISOString() });
}

function placeOf({ value }: StoredKey): string {
  const place = z.object({ host: z.string(), pid: z.number() }).safeParse(parsed(value));
  return place.success ? `${place.data.host} (process ${place.data.pid})` : 'another machine';
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
