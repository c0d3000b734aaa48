/**
 * Live ratios from the `mirror` section of the configuration file. The directory is watched, because
 * editors replace a file instead of writing into it, and the file is looked at twice a second besides,
 * because not every file system tells of changes.
 */
import { type FSWatcher, watch } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { type Config, loadConfig } from '../config/load.ts';
import type { ControlSnapshot } from '../config/ratios.ts';
import { Bell } from './bell.ts';
import { differingPaths } from './config-diff.ts';
import type { Control, ControlMetrics, ControlOptions } from './control.ts';
import { LiveSnapshot } from './live-snapshot.ts';
import { fileLayer, resolveRatios, sameRatios } from './snapshot.ts';

const POLL_MS = 500;
/** A writer that truncates first leaves a broken file for a moment: one look too early refuses nothing. */
const SETTLE_MS = 150;
const MAX_BYTES = 16 * 1024 * 1024;

/** What one look at the file found; `text` tells contents apart. */
type Look =
  | { readonly type: 'same' }
  | { readonly type: 'good'; readonly text: string; readonly config: Config }
  | { readonly type: 'bad'; readonly text: string; readonly reason: string }
  | { readonly type: 'gone'; readonly reason: string };

export class FileControl implements Control {
  readonly #config: Config;
  readonly #log: Log;
  readonly #metrics: ControlMetrics;
  readonly #clock: () => number;
  readonly #bell = new Bell();
  #phase: 'idle' | 'running' | 'stopped' = 'idle';
  #loop: Promise<void> | undefined;
  #watcher: FSWatcher | undefined;
  /** The last content that was judged, good or bad. */
  #judged: string | undefined;
  #signature: string | undefined;
  readonly #live: LiveSnapshot;

  constructor(options: ControlOptions) {
    this.#config = options.config;
    this.#log = options.log;
    this.#metrics = options.metrics;
    this.#clock = options.clock ?? Date.now;
    const first: ControlSnapshot = {
      source: 'file',
      connected: true,
      revision: 0,
      appliedAtMs: this.#clock(),
      shards: this.#ratiosOf(options.config),
    };
    this.#live = new LiveSnapshot(first, this.#log, this.#metrics);
  }

  current(): ControlSnapshot {
    return this.#live.current;
  }

  onChange(listener: (snapshot: ControlSnapshot) => void): void {
    this.#live.onChange(listener);
  }

  async start(): Promise<void> {
    if (this.#phase !== 'idle') return;
    this.#phase = 'running';
    this.#openWatcher();
    await this.#refresh();
    this.#loop = this.#run();
  }

  renew(): void {}

  async stop(): Promise<void> {
    this.#phase = 'stopped';
    this.#watcher?.close();
    this.#bell.ring();
    await this.#loop;
  }

  async #run(): Promise<void> {
    while (this.#phase === 'running') {
      await this.#bell.wait(POLL_MS);
      if (this.#phase === 'running') await this.#refresh();
    }
  }

  /** Without a watcher the poll alone finds the changes, only later. */
  #openWatcher(): void {
    const name = basename(this.#config.file);
    try {
      this.#watcher = watch(dirname(this.#config.file), { persistent: false }, (_event, changed) => {
        if (changed === null || changed === name) this.#lookAgain();
      });
      this.#watcher.on('error', (error) => {
        this.#log.debug(
          { reason: messageOf(error) },
          'the directory of the configuration file is only polled now',
        );
        this.#watcher?.close();
      });
    } catch (error) {
      this.#log.debug({ reason: messageOf(error) }, 'the directory of the configuration file is only polled');
    }
  }

  /** A write within the clock tick of the last one can leave size and time as they were. */
  #lookAgain(): void {
    this.#signature = undefined;
    this.#bell.ring();
  }

  async #refresh(): Promise<void> {
    let look = await this.#look();
    if (look.type === 'bad' || look.type === 'gone') {
      await delay(SETTLE_MS);
      this.#signature = undefined;
      look = await this.#look();
    }
    if (this.#phase === 'running') this.#judge(look);
  }

  async #look(): Promise<Look> {
    try {
      const { file } = this.#config;
      const { mtimeMs, size, ino } = await stat(file);
      const signature = `${ino}:${size}:${mtimeMs}`;
      if (signature === this.#signature) return { type: 'same' };
      if (size > MAX_BYTES)
        return { type: 'bad', text: signature, reason: `${file}: is larger than ${MAX_BYTES} bytes` };
      const text = await readFile(file, 'utf8');
      this.#signature = signature;
      return this.#live.current.connected && text === this.#judged ? { type: 'same' } : parseLook(file, text);
    } catch (error) {
      return { type: 'gone', reason: messageOf(error) };
    }
  }

  #judge(look: Look): void {
    if (look.type === 'same') return;
    if (look.type === 'gone') {
      if (!this.#live.current.connected) return;
      this.#log.warn(
        { reason: look.reason },
        'the configuration file is away; the last ratios stay in force',
      );
      this.#live.publish({ ...this.#live.current, connected: false });
      return;
    }
    const fresh = look.text !== this.#judged;
    this.#judged = look.text;
    if (!this.#live.current.connected) this.#live.publish({ ...this.#live.current, connected: true });
    if (!fresh) return;
    if (look.type === 'bad') {
      this.#metrics.rejected(`the configuration file: ${look.reason}`);
      this.#log.warn(
        { reason: look.reason },
        'the changed configuration file was refused; the last ratios stay in force',
      );
      return;
    }
    this.#reportRestart(look.config);
    this.#apply(look.config);
  }

  #reportRestart(config: Config): void {
    const paths = differingPaths(this.#config, config, ['mirror', 'file']);
    if (paths.length > 0)
      this.#log.warn({ paths }, `a restart is needed for changed settings: ${paths.join(', ')}`);
  }

  #apply(config: Config): void {
    const shards = this.#ratiosOf(config);
    if (Object.keys(shards).every((shard) => sameRatios(shards[shard], this.#live.current.shards[shard])))
      return;
    this.#live.publish({
      ...this.#live.current,
      revision: this.#live.current.revision + 1,
      appliedAtMs: this.#clock(),
      shards,
    });
    this.#log.info(
      { revision: this.#live.current.revision },
      'the ratios of the changed configuration file are in force',
    );
  }

  #ratiosOf(config: Config): ControlSnapshot['shards'] {
    return resolveRatios(
      this.#config.shards.map((shard) => shard.name),
      [fileLayer(config.mirror)],
    );
  }
}

function parseLook(file: string, text: string): Look {
  try {
    return { type: 'good', text, config: loadConfig(file) };
  } catch (error) {
    return { type: 'bad', text, reason: messageOf(error) };
  }
}
