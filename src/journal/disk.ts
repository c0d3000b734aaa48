/** What the journal asks of the file system, so that tests can give it a full, a slow or a broken one. */
import { close, constants, fdatasync, open, read, stat, unlink, write, writeSync } from 'node:fs';
import { mkdir, readdir, rename } from 'node:fs/promises';
import { promisify } from 'node:util';

export interface Disk {
  /** With those above it; nothing happens where it exists. */
  makeDirectory(path: string): Promise<void>;
  /** The names in a directory. */
  list(path: string): Promise<string[]>;
  /** A new file for appending; rejects with EEXIST where there is one. Descriptors are the caller's to close. */
  create(path: string): Promise<number>;
  /** A file for reading and for `writeAt`. */
  open(path: string): Promise<number>;
  close(fd: number): Promise<void>;
  /** Bytes read, 0 at the end of the file. */
  read(fd: number, into: Buffer, offset: number, length: number, position: number): Promise<number>;
  /** Appends the first `length` bytes, all of them, or throws. */
  appendSync(fd: number, bytes: Buffer, length: number): void;
  append(fd: number, bytes: Buffer): Promise<void>;
  /** Writes over what is there. */
  writeAtSync(fd: number, bytes: Buffer, position: number): void;
  writeAt(fd: number, bytes: Buffer, position: number): Promise<void>;
  /** The file's bytes are on the medium when it resolves. */
  sync(fd: number): Promise<void>;
  /** So are the names in a directory. */
  syncDirectory(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Nothing happens where it does not exist. */
  remove(path: string): Promise<void>;
  /** The file's number in its file system; null where nothing has that name. */
  identity(path: string): Promise<number | null>;
}

const openFd = promisify(open);
const closeFd = promisify(close);
const syncFd = promisify(fdatasync);

export const realDisk: Disk = {
  makeDirectory: async (path) => {
    await mkdir(path, { recursive: true, mode: 0o700 });
  },
  list: (path) => readdir(path),
  create: (path) =>
    openFd(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_APPEND, 0o600),
  open: (path) => openFd(path, constants.O_RDWR),
  close: (fd) => closeFd(fd),
  read: (fd, into, offset, length, position) =>
    new Promise((resolve, reject) => {
      read(fd, into, offset, length, position, (error, count) => {
        if (error === null) resolve(count);
        else reject(error);
      });
    }),
  appendSync: (fd, bytes, length) => {
    let done = writeSync(fd, bytes, 0, length);
    while (done < length) done += writeSync(fd, bytes, done, length - done);
  },
  append: (fd, bytes) => writeAll(fd, bytes, null),
  writeAtSync: (fd, bytes, position) => {
    writeSync(fd, bytes, 0, bytes.length, position);
  },
  writeAt: (fd, bytes, position) => writeAll(fd, bytes, position),
  sync: (fd) => syncFd(fd),
  syncDirectory: async (path) => {
    const fd = await openFd(path, constants.O_RDONLY);
    try {
      await syncFd(fd);
    } finally {
      await closeFd(fd);
    }
  },
  rename: (from, to) => rename(from, to),
  remove: (path) =>
    new Promise((resolve, reject) => {
      unlink(path, (error) => {
        if (error === null || error.code === 'ENOENT') resolve();
        else reject(error);
      });
    }),
  identity: (path) =>
    new Promise((resolve, reject) => {
      stat(path, (error, found) => {
        if (error === null) resolve(found.ino);
        else if (error.code === 'ENOENT' || error.code === 'ENOTDIR') resolve(null);
        else reject(error);
      });
    }),
};

/** At `position`, or null: at the end. */
async function writeAll(fd: number, bytes: Buffer, position: number | null): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const at = position === null ? null : position + done;
    done += await new Promise<number>((resolve, reject) => {
      write(fd, bytes, done, bytes.length - done, at, (error, count) => {
        if (error === null) resolve(count);
        else reject(error);
      });
    });
  }
}
