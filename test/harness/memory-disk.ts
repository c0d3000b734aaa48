/** A disk in memory, which can be copied as it is at any moment and cut off as a loss of power leaves it. */
import { dirname } from 'node:path';
import type { Disk } from '../../src/journal/disk.ts';

interface MemoryFile {
  readonly number: number;
  bytes: Buffer;
  length: number;
  /** So many bytes are on the medium. */
  synced: number;
}

export class MemoryDisk implements Disk {
  /** Called before each operation that is waited for. */
  onOperation: (() => void) | null = null;
  /** Called behind each append that is not waited for, with the file's name and its length now. */
  onAppend: ((path: string, length: number) => void) | null = null;
  readonly #files: Map<string, MemoryFile>;
  readonly #open = new Map<number, MemoryFile>();
  readonly #paths = new Map<MemoryFile, string>();
  #next = 3;

  constructor(files: Iterable<[string, MemoryFile]> = []) {
    this.#files = new Map(files);
    this.#next += this.#files.size;
  }

  /** What another process finds where this one ends now; without its lock. */
  copy(): MemoryDisk {
    const files = [...this.#files].filter(([path]) => !path.endsWith('/lock'));
    return new MemoryDisk(
      files.map(([path, file], index) => [
        path,
        { ...file, number: index, bytes: Buffer.from(file.bytes.subarray(0, file.length)) },
      ]),
    );
  }

  /** Names and what is on the medium at least, and now, of the files in every directory. */
  files(): { readonly path: string; readonly synced: number; readonly length: number }[] {
    return [...this.#files].map(([path, { synced, length }]) => ({ path, synced, length }));
  }

  cut(path: string, length: number): void {
    const file = this.#file(path);
    file.length = length;
    file.synced = Math.min(file.synced, length);
  }

  async makeDirectory(): Promise<void> {
    await this.#operation();
  }

  async list(directory: string): Promise<string[]> {
    await this.#operation();
    const paths = [...this.#files.keys()].filter((path) => dirname(path) === directory);
    return paths.map((path) => path.slice(directory.length + 1));
  }

  async create(path: string): Promise<number> {
    await this.#operation();
    if (this.#files.has(path)) throw Object.assign(new Error('EEXIST'), { code: 'EEXIST' });
    this.#files.set(path, { number: this.#next, bytes: Buffer.alloc(4096), length: 0, synced: 0 });
    return this.#opened(path);
  }

  async open(path: string): Promise<number> {
    await this.#operation();
    return this.#opened(path);
  }

  async close(fd: number): Promise<void> {
    await this.#operation();
    this.#open.delete(fd);
  }

  async read(fd: number, into: Buffer, offset: number, length: number, position: number): Promise<number> {
    await this.#operation();
    const file = this.#of(fd);
    const end = Math.min(file.length, position + length);
    return end <= position ? 0 : file.bytes.copy(into, offset, position, end);
  }

  appendSync(fd: number, bytes: Buffer, length: number): void {
    const file = this.#of(fd);
    write(file, bytes.subarray(0, length), file.length);
    this.onAppend?.(this.#paths.get(file) ?? '', file.length);
  }

  async append(fd: number, bytes: Buffer): Promise<void> {
    await this.#operation();
    const file = this.#of(fd);
    write(file, bytes, file.length);
  }

  writeAtSync(fd: number, bytes: Buffer, position: number): void {
    write(this.#of(fd), bytes, position);
  }

  async writeAt(fd: number, bytes: Buffer, position: number): Promise<void> {
    await this.#operation();
    write(this.#of(fd), bytes, position);
  }

  async sync(fd: number): Promise<void> {
    await this.#operation();
    const file = this.#of(fd);
    file.synced = file.length;
  }

  async syncDirectory(): Promise<void> {
    await this.#operation();
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#operation();
    const file = this.#file(from);
    this.#files.delete(from);
    this.#files.set(to, file);
    this.#paths.set(file, to);
  }

  async remove(path: string): Promise<void> {
    await this.#operation();
    this.#files.delete(path);
  }

  async identity(path: string): Promise<number | null> {
    await this.#operation();
    return this.#files.get(path)?.number ?? null;
  }

  /** Work of others has its turn before each, as with a real disk. */
  async #operation(): Promise<void> {
    await Promise.resolve();
    this.onOperation?.();
  }

  #file(path: string): MemoryFile {
    const file = this.#files.get(path);
    if (file === undefined) throw Object.assign(new Error(`ENOENT: ${path}`), { code: 'ENOENT' });
    return file;
  }

  #opened(path: string): number {
    const file = this.#file(path);
    const fd = this.#next;
    this.#next += 1;
    this.#open.set(fd, file);
    this.#paths.set(file, path);
    return fd;
  }

  #of(fd: number): MemoryFile {
    const file = this.#open.get(fd);
    if (file === undefined) throw Object.assign(new Error(`EBADF: ${fd}`), { code: 'EBADF' });
    return file;
  }
}

function write(file: MemoryFile, bytes: Buffer, position: number): void {
  const end = position + bytes.length;
  if (end > file.bytes.length) {
    const grown = Buffer.alloc(2 * end);
    file.bytes.copy(grown, 0, 0, file.length);
    file.bytes = grown;
  }
  bytes.copy(file.bytes, position);
  file.length = Math.max(file.length, end);
}
