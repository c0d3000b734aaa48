/** The ratios in the configuration file's `mirror` section, as the commands read and change them. */
import { randomBytes } from 'node:crypto';
import { type FileHandle, open, readFile, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { messageOf } from '../base/errors.ts';
import { type Config, parseConfig } from '../config/load.ts';
import { RATIO_KINDS } from '../config/ratios.ts';
import type { RatioChange, RatioState, RatioStore } from './ratio-store.ts';
import { baseRatios, fileLayer, resolveRatios } from './snapshot.ts';

type JsonObject = Record<string, unknown>;
type SectionChange = Pick<RatioChange, 'set' | 'unset'>;

export class FileRatioStore implements RatioStore {
  readonly #file: string;

  constructor(config: Config) {
    this.#file = config.file;
  }

  async read(): Promise<RatioState> {
    const parsed = parseConfig(await readFile(this.#file, 'utf8'), this.#file);
    const layers = [fileLayer(parsed.mirror)];
    return {
      place: `file ${this.#file}`,
      source: 'file',
      revision: 0,
      all: baseRatios(layers),
      shards: resolveRatios(
        parsed.shards.map((shard) => shard.name),
        layers,
      ),
      overrides: parsed.mirror.shards ?? {},
      refused: [],
      proxies: [],
    };
  }

  async change(change: RatioChange): Promise<number> {
    // A link to the file stays a link: what it points to is replaced.
    const file = await realpath(this.#file);
    const before = await readFile(file, 'utf8');
    const after = editRatios(before, change);
    parseConfig(after, this.#file);
    await replaceFile(file, before, after);
    return 0;
  }

  close(): void {}
}

/** The configuration `text` with `change` made in its `mirror` section, indented by two. */
export function editRatios(text: string, change: RatioChange): string {
  const root = asObject(JSON.parse(text));
  const mirror = asObject(root.mirror);
  root.mirror = mirror;
  if (change.shard === undefined) editSection(mirror, change);
  else editShard(mirror, change.shard, change);
  if (change.overrides === 'removed') {
    const unset = RATIO_KINDS.filter((kind) => change.set[kind] !== undefined);
    for (const shard of Object.keys(asObject(mirror.shards))) editShard(mirror, shard, { set: {}, unset });
  }
  return `${JSON.stringify(root, null, 2)}\n`;
}

/** A section that is left empty goes. */
function editShard(mirror: JsonObject, shard: string, change: SectionChange): void {
  const shards = asObject(mirror.shards);
  const section = editSection(asObject(shards[shard]), change);
  shards[shard] = section;
  if (Object.keys(section).length === 0) delete shards[shard];
  mirror.shards = shards;
  if (Object.keys(shards).length === 0) delete mirror.shards;
}

function editSection(section: JsonObject, change: SectionChange): JsonObject {
  for (const kind of RATIO_KINDS) {
    const value = change.set[kind];
    if (value !== undefined) section[kind] = value;
  }
  for (const kind of change.unset) delete section[kind];
  return section;
}

function asObject(value: unknown): JsonObject {
  return typeof value === 'object' && value !== null ? (value as JsonObject) : {};
}

/** Puts `after` in the place of `before`, whole or not at all, with the file's mode and owner kept. */
async function replaceFile(file: string, before: string, after: string): Promise<void> {
  const folder = dirname(file);
  const temporary = join(folder, `.${basename(file)}.${randomBytes(6).toString('hex')}.tmp`);
  const { mode, uid, gid } = await stat(file);
  const handle = await open(temporary, 'wx', 0o600);
  try {
    await writeAll(handle, after, mode & 0o7777, uid, gid);
    if ((await readFile(file, 'utf8')) !== before) {
      throw new Error(`${file} was changed by someone else meanwhile; nothing was written, try again`);
    }
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  const directory = await open(folder, 'r');
  await directory.sync().finally(() => directory.close());
}

async function writeAll(
  handle: FileHandle,
  text: string,
  mode: number,
  uid: number,
  gid: number,
): Promise<void> {
  try {
    const own = await handle.stat();
    if (own.uid !== uid || own.gid !== gid) {
      await handle.chown(uid, gid).catch((error: unknown) => {
        throw new Error(`the file's owner can't be kept: ${messageOf(error)}; run this as the owner`);
      });
    }
    await handle.chmod(mode);
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
