/**
 * Preloaded into a proxy (`node --import`): lets the files of one folder behave as on a bad disk. The environment
 * variable UNDERSTUDY_TEST_DISK holds {"directory", "control"}: what stands in the file `control` is in force, `full`,
 * `read-only`, `slow` or nothing.
 */
import fs, { promises } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const SLOW_MS = 150;
const { directory, control } = JSON.parse(process.env.UNDERSTUDY_TEST_DISK ?? '{}');
const original = {
  ...{ open: fs.open, close: fs.close, write: fs.write, writeSync: fs.writeSync, fdatasync: fs.fdatasync },
  ...{ mkdir: promises.mkdir, rename: promises.rename, readFileSync: fs.readFileSync },
};
const ours = new Set();
const bell = new Int32Array(new SharedArrayBuffer(4));

function mode() {
  return original.readFileSync(control, 'utf8');
}

function errorOf(code, call) {
  const text = code === 'ENOSPC' ? 'no space left on device' : 'read-only file system';
  return Object.assign(new Error(`${code}: ${text}, ${call}`), { code, syscall: call });
}

/** What a change of the folder meets; null: nothing. */
function refusal(call) {
  if (mode() === 'full') return errorOf('ENOSPC', call);
  return mode() === 'read-only' ? errorOf('EROFS', call) : null;
}

function isOurs(path) {
  return String(path).startsWith(directory);
}

fs.open = (path, flags, access, done) => {
  const refused =
    isOurs(path) && flags & (fs.constants.O_CREAT | fs.constants.O_RDWR) ? refusal('open') : null;
  if (refused !== null) {
    setImmediate(done, refused);
    return;
  }
  const answered = (error, fd) => {
    if (error === null && isOurs(path)) ours.add(fd);
    (typeof access === 'function' ? access : done)(error, fd);
  };
  if (typeof access === 'function') original.open(path, flags, answered);
  else original.open(path, flags, access, answered);
};

fs.close = (fd, done) => {
  ours.delete(fd);
  original.close(fd, done);
};

fs.writeSync = (fd, ...rest) => {
  if (ours.has(fd)) {
    const refused = refusal('write');
    if (refused !== null) throw refused;
    if (mode() === 'slow') Atomics.wait(bell, 0, 0, SLOW_MS);
  }
  return original.writeSync(fd, ...rest);
};

fs.write = (fd, ...rest) => {
  const done = rest[rest.length - 1];
  const refused = ours.has(fd) ? refusal('write') : null;
  if (refused !== null) setImmediate(done, refused);
  else if (ours.has(fd) && mode() === 'slow') setTimeout(() => original.write(fd, ...rest), SLOW_MS);
  else original.write(fd, ...rest);
};

fs.fdatasync = (fd, done) => {
  if (ours.has(fd) && mode() === 'slow') setTimeout(() => original.fdatasync(fd, done), SLOW_MS);
  else original.fdatasync(fd, done);
};

for (const name of ['mkdir', 'rename']) {
  promises[name] = async (path, ...rest) => {
    const refused = isOurs(path) ? refusal(name) : null;
    if (refused !== null) throw refused;
    return original[name](path, ...rest);
  };
}

syncBuiltinESMExports();
