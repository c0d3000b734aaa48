/**
 * Keeps a second process off a shard's folder: a file that names its owner, made by one of them alone. The lock of
 * a process that is gone is taken over. A process of another container or machine can't be looked for; its lock is
 * dead when it no longer beats.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { UsageError } from '../base/errors.ts';
import type { Disk } from './disk.ts';

const ownerSchema = z.object({
  token: z.string(),
  host: z.string(),
  pid: z.number(),
  /** When the process began, in the kernel's own count; null where that can't be read. */
  started: z.string().nullable(),
  beat: z.number(),
});
type Owner = z.output<typeof ownerSchema>;

const LOCK_BYTES = 512;
/** A foreign owner beats every second. */
const FOREIGN_WAIT_MS = 3000;
const MAKING_MS = 200;
const DYING_WAIT_MS = 100;
const DYING_WAITS = 20;
const ATTEMPTS_MAX = 5;

export class JournalLock {
  readonly #disk: Disk;
  readonly #path: string;
  readonly #fd: number;
  #owner: Owner;

  private constructor(disk: Disk, path: string, fd: number, owner: Owner) {
    this.#disk = disk;
    this.#path = path;
    this.#fd = fd;
    this.#owner = owner;
  }

  /** Rejects with UsageError where another process has it, else with the disk's errors. */
  static async take(disk: Disk, directory: string): Promise<JournalLock> {
    const path = join(directory, 'lock');
    const owner = {
      token: randomUUID(),
      host: hostOf(),
      pid: process.pid,
      started: startOf(process.pid),
      beat: 0,
    };
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const fd = await disk.create(path).catch((error: unknown) => {
        if (isExisting(error)) return null;
        throw error;
      });
      if (fd !== null) {
        await disk.append(fd, encode(owner));
        await disk.close(fd);
        const own = await disk.open(path);
        return new JournalLock(disk, path, own, owner);
      }
      await removeDead(disk, path);
    }
    throw new UsageError(`journal.directory: ${path} could not be taken: several processes try to`);
  }

  /** Tells others that the owner lives. Rejects where the lock is another's by now, or with the disk's errors. */
  async beat(): Promise<void> {
    const found = await readOwner(this.#disk, this.#path);
    if (found === null) throw new Error(`${this.#path} is gone, or can't be read any more`);
    if (found.token !== this.#owner.token)
      throw new Error(`${this.#path} was taken by process ${found.pid} on ${found.host.split(' ')[0]}`);
    this.#owner = { ...this.#owner, beat: this.#owner.beat + 1 };
    await this.#disk.writeAt(this.#fd, encode(this.#owner), 0);
  }

  async release(): Promise<void> {
    await this.#disk.close(this.#fd);
    const found = await readOwner(this.#disk, this.#path);
    if (found?.token === this.#owner.token) await this.#disk.remove(this.#path);
  }

  /** Lets go of the file that is held open, where it is not in its place any more. */
  async abandon(): Promise<void> {
    await this.#disk.close(this.#fd).catch(() => {});
  }
}

/** Throws UsageError where its owner lives. */
async function removeDead(disk: Disk, path: string): Promise<void> {
  const owner = await readMadeOwner(disk, path);
  if (owner !== null && (await lives(disk, path, owner))) {
    throw new UsageError(
      `journal.directory: ${path} is held by process ${owner.pid} on ${owner.host.split(' ')[0]}, which serves the same shard: ` +
        'end it first, or give this proxy a journal.directory of its own',
    );
  }
  // Of several that find it dead one alone can rename it.
  const aside = `${path}.${randomUUID()}`;
  try {
    await disk.rename(path, aside);
  } catch {
    return;
  }
  const moved = await readOwner(disk, aside);
  // Another was quicker, and this is its lock.
  if (moved !== null && moved.token !== owner?.token) await disk.rename(aside, path);
  else await disk.remove(aside);
}

async function lives(disk: Disk, path: string, owner: Owner): Promise<boolean> {
  if (owner.host === hostOf()) {
    // One that was killed takes a moment to be gone.
    for (let wait = 0; wait < DYING_WAITS && isThere(owner); wait += 1) await delay(DYING_WAIT_MS);
    return isThere(owner);
  }
  await delay(FOREIGN_WAIT_MS);
  const later = await readOwner(disk, path);
  return later !== null && later.beat !== owner.beat;
}

function isThere({ pid, started }: Owner): boolean {
  return started === null ? runs(pid) : startOf(pid) === started;
}

/** A lock whose owner has not yet written who it is, is read again. */
async function readMadeOwner(disk: Disk, path: string): Promise<Owner | null> {
  const owner = await readOwner(disk, path);
  if (owner !== null) return owner;
  await delay(MAKING_MS);
  return readOwner(disk, path);
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

async function readOwner(disk: Disk, path: string): Promise<Owner | null> {
  const bytes = Buffer.alloc(LOCK_BYTES);
  try {
    const fd = await disk.open(path);
    try {
      const length = await disk.read(fd, bytes, 0, bytes.length, 0);
      const parsed = ownerSchema.safeParse(JSON.parse(bytes.toString('utf8', 0, length)));
      return parsed.success ? parsed.data : null;
    } finally {
      await disk.close(fd);
    }
  } catch {
    return null;
  }
}

function encode(owner: Owner): Buffer {
  return Buffer.from(JSON.stringify(owner).padEnd(LOCK_BYTES));
}

/** The same only for processes that see each other's numbers: of one start of a machine, in one namespace. */
function hostOf(): string {
  return [hostname(), readText('/proc/sys/kernel/random/boot_id'), namespace()].join(' ');
}

function namespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return '';
  }
}

/**
 * The 22nd field of proc(5)'s stat; the second is a name in brackets that may hold spaces. The third tells of a process
 * that has ended and that nobody has asked for its end yet: it holds nothing any more.
 */
function startOf(pid: number): string | null {
  const text = readText(`/proc/${pid}/stat`);
  const [state, ...rest] = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return state === 'Z' || state === 'X' ? null : (rest[18] ?? null);
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}

function isExisting(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EEXIST';
}
