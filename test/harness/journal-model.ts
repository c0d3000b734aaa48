/**
 * What a journal must hold after any sequence of what its users, its readers and the machine do to it, beside the
 * journal itself, which is held to it after every step. The disk is one in memory, so that the process may end
 * between any two operations and the machine may lose what was not synchronised.
 */
import { basename } from 'node:path';
import { expect, vi } from 'vitest';
import type { DiskJournal } from '../../src/journal/disk-journal.ts';
import type { Doubt, DoubtReason, JournalPage, Settled, WriteMark } from '../../src/journal/journal.ts';
import { endOfTurn, openJournal } from './journal.ts';
import { MemoryDisk } from './memory-disk.ts';

export interface Place {
  readonly table: string;
  readonly key: string | null;
}

/** What does not wait: it may also come between two operations of the disk. */
export type Deed =
  | { readonly do: 'note'; readonly place: Place; readonly reason: DoubtReason; readonly count: number }
  | { readonly do: 'write'; readonly places: readonly Place[] }
  /** Ends one of the writes under way: mirrored, or noted as a doubt. */
  | { readonly do: 'finish'; readonly which: number; readonly reason: DoubtReason | null };

/** Deeds that happen before the given operation of the disk, counted from the beginning of the step. */
export type Meanwhile = readonly { readonly operation: number; readonly deed: Deed }[];

export type Step =
  | { readonly do: 'deed'; readonly deed: Deed }
  /** One key is noted until the log is worth a snapshot. */
  | { readonly do: 'churn' }
  | { readonly do: 'end of turn' }
  | { readonly do: 'tick'; readonly ms: number; readonly meanwhile: Meanwhile }
  | { readonly do: 'page'; readonly reader: number; readonly limit: number; readonly meanwhile: Meanwhile }
  /** `count`: as readers do that know no marks. */
  | {
      readonly do: 'settle';
      readonly reader: number;
      readonly by: 'mark' | 'count';
      readonly meanwhile: Meanwhile;
    }
  /** What a reader has settled by marks at last is asked for once more. */
  | { readonly do: 'settle again'; readonly reader: number }
  | { readonly do: 'close' }
  /** The process ends in a tick, before so many operations, and the next one so many into its start. */
  | { readonly do: 'kill'; readonly tickOperations: number; readonly startOperations: number | null }
  /** The machine ends: the newest file of a kind keeps a part of what was not synchronised. */
  | { readonly do: 'power'; readonly kind: 'doubts' | 'written'; readonly part: number };

export const DIRECTORY = '/journal';
const RETENTION_MS = 60_000;
const READERS = 2;
const CHURN_KEY = 'c'.repeat(8000);
const CHURN_NOTES = 40;

interface Outstanding {
  readonly count: number;
  /** When its latest note was. */
  readonly notedAt: number;
}
/** By table, key and reason, as text. */
type State = ReadonlyMap<string, Outstanding>;

interface Write {
  readonly places: readonly Place[];
  readonly wroteAt: number;
  /** The file of its keys and where they end there; null: they stand in none. */
  readonly frame: { readonly name: string; readonly end: number } | null;
  readonly mark: WriteMark;
  releasedAt: number | null;
}

interface Reader {
  cursor: string;
  /** Of the process that gave the cursor. */
  process: number;
  givenAt: number;
  givenAtMs: number;
  readonly seenAt: Map<string, number>;
  readonly toSettle: Map<string, Seen>;
  asked: Asked | null;
}

interface Seen {
  readonly doubt: Doubt;
  /** Between these it was read. */
  readonly from: number;
  readonly to: number;
  /** In which it was. */
  readonly process: number;
}

/** To settle these. */
interface Asked {
  readonly seen: readonly Seen[];
  readonly by: 'mark' | 'count';
  readonly cursor: string;
  /** Of the cursor. */
  readonly process: number;
  readonly givenAt: number;
  readonly givenAtMs: number;
}

export class JournalModel {
  #disk = new MemoryDisk();
  #journal: DiskJournal;
  readonly #maxBytes: number;
  #nowMs = 0;
  /** Counts the deeds. */
  #time = 0;
  #process = 1;
  /** Each state since the start of the process; the last one is now. */
  #states: State[] = [new Map()];
  /** Which state was on disk when a log of the doubts had so many bytes. */
  #kept: { readonly name: string; readonly end: number; readonly state: number }[] = [];
  #lastAppend: { readonly name: string; readonly end: number } | null = null;
  /** Of this process; those of the ones before are only asked for the files they stand in. */
  #writes: Write[] = [];
  #framesBefore: Write[] = [];
  /** Places that a write left wrong: something of each is in the journal until a reader has settled it. */
  readonly #wrong = new Map<string, Write>();
  readonly #readers: Reader[] = Array.from({ length: READERS }, () => ({
    cursor: '',
    process: 0,
    givenAt: 0,
    givenAtMs: 0,
    seenAt: new Map(),
    toSettle: new Map(),
    asked: null,
  }));
  #epoch = 0;
  #lostAt: number | null = null;

  private constructor(journal: DiskJournal, disk: MemoryDisk, maxBytes: number) {
    this.#journal = journal;
    this.#disk = disk;
    this.#maxBytes = maxBytes;
    this.#watchAppends();
  }

  static async start(maxBytes: number): Promise<JournalModel> {
    const disk = new MemoryDisk();
    const model: { at: JournalModel | null } = { at: null };
    const now = (): number => model.at?.nowMs ?? 0;
    const { journal } = await openJournal(optionsOf(disk, maxBytes, now));
    model.at = new JournalModel(journal, disk, maxBytes);
    return model.at;
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  async run(step: Step): Promise<void> {
    await this.#do(step);
    this.#check();
  }

  async end(): Promise<void> {
    await this.#journal.close();
  }

  async #do(step: Step): Promise<void> {
    if (step.do === 'deed') this.#deed(step.deed);
    else if (step.do === 'churn') await this.#churn();
    else if (step.do === 'end of turn') await endOfTurn();
    else if (step.do === 'tick') {
      await this.#meanwhile(step.meanwhile, () => this.#tick(step.ms));
      if (step.meanwhile.length === 0) this.#checkSynced();
    } else if (step.do === 'page') await this.#page(step.reader, step.limit, step.meanwhile);
    else if (step.do === 'settle') await this.#settle(step.reader, step.by, step.meanwhile);
    else if (step.do === 'settle again') await this.#settleAgain(step.reader);
    else if (step.do === 'close') await this.#close();
    else if (step.do === 'kill') await this.#kill(step.tickOperations, step.startOperations);
    else await this.#power(step.kind, step.part);
  }

  #deed(deed: Deed): void {
    this.#time += 1;
    if (deed.do === 'note') this.#note(deed.place, deed.reason, deed.count);
    else if (deed.do === 'write') this.#write(deed.places);
    else this.#finish(deed.which, deed.reason);
  }

  #note({ table, key }: Place, reason: DoubtReason, count: number): void {
    this.#journal.note(table, key, reason, count);
    const text = textOf({ table, key, reason });
    const state = new Map(this.#state);
    const before = state.get(text)?.count ?? 0;
    state.set(text, { count: before + count, notedAt: this.#time });
    this.#states.push(state);
    this.#seeLosses();
  }

  #write(places: readonly Place[]): void {
    for (const { table, key } of places) this.#journal.written(table, key);
    const mark = this.#journal.mark();
    this.#lastAppend = null;
    this.#journal.flush();
    expect(this.#lastAppend, 'a write’s keys are appended when flush returns').not.toBeNull();
    this.#writes.push({ places, wroteAt: this.#time, frame: this.#lastAppend, mark, releasedAt: null });
  }

  #finish(which: number, reason: DoubtReason | null): void {
    const underWay = this.#writes.filter(({ releasedAt }) => releasedAt === null);
    const write = underWay[which % Math.max(1, underWay.length)];
    if (write === undefined) return;
    if (reason !== null) {
      for (const place of write.places) {
        this.#note(place, reason, 1);
        this.#wrong.set(placeText(place), write);
      }
    }
    write.mark.release();
    write.releasedAt = this.#time;
  }

  async #churn(): Promise<void> {
    for (let round = 0; round < CHURN_NOTES; round++)
      this.#deed({ do: 'note', place: { table: 'messages', key: CHURN_KEY }, reason: 'dropped', count: 1 });
    await this.#quiet();
  }

  async #tick(ms: number): Promise<void> {
    this.#nowMs += ms;
    vi.advanceTimersByTime(1000);
    await this.#quiet();
  }

  /** What was written before a tick is on the medium behind it, in whichever file it stands. */
  #checkSynced(): void {
    const names = new Set(this.#writes.map(({ frame }) => frame?.name));
    const late = this.#disk
      .files()
      .filter(({ path, synced, length }) => names.has(basename(path)) && synced < length);
    expect(late, 'is not synchronised').toEqual([]);
  }

  /** The journal's work is done that was asked for. */
  async #quiet(): Promise<void> {
    await this.#journal.settle([], '');
  }

  async #meanwhile<Result>(deeds: Meanwhile, work: () => Promise<Result>): Promise<Result> {
    let operation = 0;
    this.#disk.onOperation = () => {
      operation += 1;
      for (const each of deeds) if (each.operation === operation) this.#deed(each.deed);
    };
    try {
      return await work();
    } finally {
      this.#disk.onOperation = null;
    }
  }

  async #page(which: number, limit: number, meanwhile: Meanwhile): Promise<void> {
    const reader = this.#readers[which]!;
    const [from, stateAtMs] = [this.#time, this.#nowMs];
    const firstState = this.#states.length - 1;
    const page = await this.#meanwhile(meanwhile, () => this.#journal.read(reader.cursor, limit));
    this.#checkPage(reader, page, limit, firstState);
    for (const entry of page.entries) {
      reader.seenAt.set(textOf(entry), from);
      reader.toSettle.set(textOf(entry), {
        ...{ doubt: entry, from, to: this.#time, process: this.#process },
      });
    }
    reader.cursor = page.cursor;
    reader.process = this.#process;
    reader.givenAt = from;
    reader.givenAtMs = stateAtMs;
    // What was lost, a full pass finds; here the reader only goes on from there.
    if (page.entries.length < limit) this.#checkCaughtUp(reader, from);
  }

  #checkPage(reader: Reader, page: JournalPage, limit: number, firstState: number): void {
    expect(page.entries.length).toBeLessThanOrEqual(limit);
    if (this.#lostAt === null) expect(page.reset, 'nothing was lost').toBe(false);
    else if (reader.givenAt < this.#lostAt) expect(page.reset, 'a reader is told of a loss').toBe(true);
    for (const entry of page.entries) {
      const text = textOf(entry);
      const counts = this.#states.slice(firstState).map((state) => state.get(text)?.count ?? 0);
      if (entry.reason !== 'written') expect(counts, text).toContain(entry.count);
    }
  }

  #checkCaughtUp(reader: Reader, from: number): void {
    for (const [text, { notedAt }] of this.#state)
      if (notedAt <= from) expect(reader.seenAt.get(text) ?? -1, text).toBeGreaterThanOrEqual(notedAt);
    for (const { places, wroteAt, releasedAt } of this.#writes) {
      if (wroteAt > from || releasedAt !== null) continue;
      for (const place of places) {
        const text = textOf({ ...place, reason: 'written' });
        expect(reader.seenAt.get(text) ?? -1, text).toBeGreaterThanOrEqual(wroteAt);
      }
    }
  }

  async #settle(which: number, by: Asked['by'], meanwhile: Meanwhile): Promise<void> {
    const reader = this.#readers[which]!;
    const { cursor, process, givenAt, givenAtMs } = reader;
    reader.asked = { seen: [...reader.toSettle.values()], by, cursor, process, givenAt, givenAtMs };
    for (const text of await this.#ask(reader.asked, meanwhile)) reader.toSettle.delete(text);
  }

  async #settleAgain(which: number): Promise<void> {
    const { asked } = this.#readers[which]!;
    if (asked?.by === 'mark') await this.#ask(asked, []);
  }

  /** Those that are settled now, as text. */
  async #ask(asked: Asked, meanwhile: Meanwhile): Promise<readonly string[]> {
    const { seen, by, cursor } = asked;
    const before = this.#state;
    const firstNew = this.#states.length;
    const doubts = seen.map(({ doubt }) => (by === 'mark' ? doubt : withoutMark(doubt)));
    const settled = await this.#meanwhile(meanwhile, () => this.#journal.settle(doubts, cursor));
    expect(settled.settled + settled.kept).toBe(seen.length);
    this.#checkStale(asked, settled);
    const gone: string[] = [];
    const found = this.#found();
    const state = new Map(this.#state);
    const since = this.#writes.filter(({ releasedAt }) => (releasedAt ?? Infinity) > asked.givenAt);
    for (const each of seen) {
      const { doubt } = each;
      const text = textOf(doubt);
      const now = state.get(text);
      if (now === undefined) continue;
      const count = found.get(text) ?? 0;
      const touched = since.some(({ places }) => places.some((place) => covers(place, doubt)));
      const rest = restOf(before.get(text), now, each, by);
      const allowed = settled.stale || touched ? [now.count] : [now.count, rest];
      expect(allowed, `invariant 8: ${text}`).toContain(count);
      const isSure = !settled.stale && since.length === 0 && this.#stands(each, before.get(text));
      if (isSure) expect(count, `settled: ${text}`).toBe(rest);
      if (count === now.count) continue;
      if (count === 0) state.delete(text);
      else state.set(text, { ...now, count });
      gone.push(text);
      this.#wrong.delete(placeText(doubt));
    }
    if (by === 'count' && since.length === 0 && !settled.stale) expect(settled.kept).toBe(0);
    this.#states.push(state);
    // It is on disk when it is answered, with what was noted before.
    const last = this.#kept.at(-1);
    if (last !== undefined && last.state >= firstNew - 1)
      this.#kept.push({ ...last, state: this.#states.length - 1 });
    return gone;
  }

  /** It is as it was read. */
  #stands({ doubt, from, process }: Seen, now: Outstanding | undefined): boolean {
    return now !== undefined && process === this.#process && now.notedAt <= from && now.count === doubt.count;
  }

  /** Only a cursor of another process, or one from before what is gone by now, can't tell. */
  #checkStale({ process, givenAtMs }: Asked, settled: Settled): void {
    if (process !== this.#process) expect(settled.stale).toBe(true);
    else if (!this.#small && this.#nowMs - givenAtMs < RETENTION_MS) expect(settled.stale).toBe(false);
  }

  async #close(): Promise<void> {
    await this.#journal.close();
    await this.#startOn(this.#disk.copy(), null, this.#states.length - 1);
  }

  async #kill(tickOperations: number, startOperations: number | null): Promise<void> {
    let left: MemoryDisk | null = null;
    let kept = 0;
    let operation = 0;
    const die = (): void => {
      left = this.#disk.copy();
      kept = this.#kept.at(-1)?.state ?? 0;
    };
    this.#disk.onOperation = () => {
      if (operation === tickOperations) die();
      operation += 1;
    };
    await this.#tick(1000);
    this.#disk.onOperation = null;
    if (left === null) die();
    await this.#startOn(left ?? this.#disk.copy(), startOperations, kept);
  }

  async #power(kind: 'doubts' | 'written', part: number): Promise<void> {
    const left = this.#disk.copy();
    const frames = kind === 'doubts' ? this.#kept : this.#writes.map(({ frame }) => frame);
    const name = frames.at(-1)?.name;
    const file = left.files().find(({ path }) => basename(path) === name);
    let kept = this.#kept.at(-1)?.state ?? 0;
    if (file !== undefined && name !== undefined) {
      const end = file.synced + Math.round(part * (file.length - file.synced));
      left.cut(file.path, end);
      this.#writes = this.#writes.filter(({ frame }) => frame?.name !== name || frame.end <= end);
      const whole = this.#kept.filter((each) => each.name !== name || each.end <= end);
      kept = whole.at(-1)?.state ?? 0;
      for (const [place, write] of this.#wrong) if (!this.#writes.includes(write)) this.#wrong.delete(place);
    }
    await this.#startOn(left, null, kept);
  }

  /** The next process, on what the last one left; `kept` is the state that was on disk for certain. */
  async #startOn(left: MemoryDisk, startOperations: number | null, kept: number): Promise<void> {
    if (startOperations !== null) left = await this.#diesAtStart(left, startOperations);
    const names = new Set(left.files().map(({ path }) => basename(path)));
    await this.#journal.close();
    this.#time += 1;
    const { journal } = await openJournal(optionsOf(left, this.#maxBytes, () => this.#nowMs));
    this.#journal = journal;
    this.#disk = left;
    this.#watchAppends();
    this.#adopt(kept, names, startOperations === null ? 1 : 2);
    this.#process += 1;
    this.#kept = [];
  }

  async #diesAtStart(disk: MemoryDisk, startOperations: number): Promise<MemoryDisk> {
    let left: MemoryDisk | null = null;
    let operation = 0;
    disk.onOperation = () => {
      if (operation === startOperations) left = disk.copy();
      operation += 1;
    };
    const { journal } = await openJournal(optionsOf(disk, this.#maxBytes, () => this.#nowMs));
    disk.onOperation = null;
    left ??= disk.copy();
    await journal.close();
    return left;
  }

  /**
   * What was found lies between what was on disk and what was in memory, and the keys of writes come to it; twice
   * where a start ended between taking them over and removing their files.
   */
  #adopt(kept: number, names: ReadonlySet<string>, times: number): void {
    const found = this.#found();
    const states = this.#states.slice(kept);
    const standing = [...this.#framesBefore, ...this.#writes].filter(
      ({ frame }) => frame !== null && names.has(frame.name),
    );
    const written = countsOf(standing);
    const underWay = countsOf(this.#writes.filter(({ releasedAt }) => releasedAt === null));
    const texts = new Set([
      ...found.keys(),
      ...underWay.keys(),
      ...states.flatMap((state) => [...state.keys()]),
    ]);
    const adopted = new Map<string, Outstanding>();
    for (const text of texts) {
      const counts = states.map((state) => state.get(text)?.count ?? 0);
      const count = found.get(text) ?? 0;
      if (!this.#journal.reset) {
        expect(count, `fewer of ${text}`).toBeGreaterThanOrEqual(
          Math.min(...counts) + (underWay.get(text) ?? 0),
        );
      }
      const before = Math.max(...counts);
      expect(count, `more of ${text}`).toBeLessThanOrEqual(before + times * (written.get(text) ?? 0));
      const notedAt =
        count > before ? this.#time : (states[0]?.get(text)?.notedAt ?? this.#state.get(text)?.notedAt);
      if (count > 0) adopted.set(text, { count, notedAt: notedAt ?? this.#time });
    }
    this.#framesBefore = standing;
    this.#writes = [];
    this.#states = [adopted];
    this.#seeLosses();
    if (this.#journal.reset) this.#wrong.clear();
  }

  #watchAppends(): void {
    this.#disk.onAppend = (path, end) => {
      const name = basename(path);
      if (name.startsWith('written')) this.#lastAppend = { name, end };
      else this.#kept.push({ name, end, state: this.#states.length - 1 });
    };
  }

  get #state(): State {
    return this.#states.at(-1)!;
  }

  get #small(): boolean {
    return this.#maxBytes < 1024 * 1024;
  }

  #found(): Map<string, number> {
    return new Map([...this.#journal.entries()].map((doubt) => [textOf(doubt), doubt.count]));
  }

  /** At its bound a journal forgets, says so, and the model goes on with what is left. */
  #seeLosses(): void {
    const { epoch } = this.#journal.figures();
    if (epoch === this.#epoch) return;
    expect(this.#small, 'nothing is lost below the bound').toBe(true);
    expect(this.#journal.reset).toBe(true);
    this.#epoch = epoch;
    this.#lostAt = this.#time;
    const found = this.#found();
    this.#states.push(new Map([...this.#state].filter(([text]) => found.has(text))));
    this.#wrong.clear();
  }

  #check(): void {
    this.#seeLosses();
    const expected = [...this.#state].map(([text, { count }]) => `${text} ${count}`).sort();
    expect([...this.#found()].map(([text, count]) => `${text} ${count}`).sort()).toEqual(expected);
    expect(this.#journal.size).toBe(expected.length);
    const { failing, pending } = this.#journal.figures();
    const underWay = this.#writes.filter(({ releasedAt }) => releasedAt === null).length;
    expect([failing, pending, this.#journal.reset]).toEqual([null, underWay, this.#lostAt !== null]);
    for (const place of this.#wrong.keys())
      expect(
        [...this.#state.keys()].some((text) => text.startsWith(place)),
        `${place} is forgotten`,
      ).toBe(true);
  }
}

function optionsOf(disk: MemoryDisk, maxBytes: number, now: () => number) {
  return {
    disk,
    directory: DIRECTORY,
    maxBytes,
    now,
    writtenRetentionMs: RETENTION_MS,
    sync: 'second',
  } as const;
}

function placeText({ table, key }: Place): string {
  return `${JSON.stringify([table, key])} `;
}

/** What is left where it is settled: by marks, all of it where it was noted since it was read, else what is new. */
function restOf(
  before: Outstanding | undefined,
  now: Outstanding,
  { doubt, to }: Seen,
  by: Asked['by'],
): number {
  // Keys of the written log have no mark.
  if (by === 'count' || doubt.mark === undefined) return Math.max(0, now.count - doubt.count);
  return before === undefined || before.notedAt > to ? now.count : now.count - before.count;
}

function withoutMark({ table, key, reason, count }: Doubt): Doubt {
  return { table, key, reason, count };
}

function textOf({ table, key, reason }: Place & { readonly reason: DoubtReason }): string {
  return placeText({ table, key }) + reason;
}

function countsOf(writes: readonly Write[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const place of writes.flatMap(({ places }) => places)) {
    const text = textOf({ ...place, reason: 'written' });
    counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  return counts;
}

/** Whether a write of a place may have changed what an entry stands for. */
function covers(written: Place, entry: Place): boolean {
  if (written.table === '*' || entry.table === '*') return true;
  if (written.table !== entry.table) return false;
  return written.key === null || entry.key === null || written.key === entry.key;
}
