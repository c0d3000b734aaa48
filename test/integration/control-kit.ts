/** What the tests of the control share: configurations, controls with a recorded log, a TCP link to cut. */
import { writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { createLog, type Log } from '../../src/base/log.ts';
import { type Config, loadConfig } from '../../src/config/load.ts';
import type { ControlSnapshot } from '../../src/config/ratios.ts';
import type { Control } from '../../src/control/control.ts';
import { createControl } from '../../src/control/create-control.ts';
import { ControlMetrics } from '../../src/observe/control-metrics.ts';
import { temporaryDirectory } from '../harness/temp.ts';
import { waitFor } from '../harness/wait.ts';

export const PREFIX = '/understudy/test/';

export function configContent(changes: Record<string, unknown> = {}): Record<string, unknown> {
  const side = (port: number) => ({ host: '127.0.0.1', port });
  return {
    service: 'test',
    tables: '*',
    shards: ['s00', 's01'].map((name, index) => ({
      name,
      port: 3400 + index,
      old: side(3310),
      new: side(3311),
    })),
    mirror: { reads: 1, writes: 2, deletes: 3 },
    ...changes,
  };
}

/** Writes a configuration into a folder of its own and returns the file's path. */
export function writeConfig(changes: Record<string, unknown> = {}): string {
  const file = join(temporaryDirectory('control'), 'proxy.config.json');
  writeFileSync(file, `${JSON.stringify(configContent(changes), null, 2)}\n`);
  return file;
}

export interface RecordedLog {
  readonly log: Log;
  /** The messages so far, with the fields that came with them. */
  lines(): { readonly level: string; readonly msg: string; readonly [field: string]: unknown }[];
}

export function recordLog(): RecordedLog {
  const chunks: string[] = [];
  const destination = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk.toString());
      done();
    },
  });
  const log = createLog({ level: 'debug', destination });
  const lines = () =>
    chunks
      .join('')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));
  return { log, lines };
}

export interface Controlled extends RecordedLog {
  readonly control: Control;
  readonly metrics: ControlMetrics;
  /** Everything that listeners were given. */
  readonly snapshots: readonly ControlSnapshot[];
  /** Waits until a snapshot satisfies `condition`. */
  until(what: string, condition: (snapshot: ControlSnapshot) => boolean): Promise<ControlSnapshot>;
}

export function makeControl(config: Config): Controlled {
  const recorded = recordLog();
  const metrics = new ControlMetrics();
  const control = createControl({ config, log: recorded.log, metrics });
  const snapshots: ControlSnapshot[] = [];
  control.onChange((snapshot) => snapshots.push(snapshot));
  const until: Controlled['until'] = (what, condition) =>
    waitFor(() => (condition(control.current()) ? control.current() : undefined), {
      what,
    });
  return { ...recorded, control, metrics, snapshots, until };
}

/** A control on `changes`, started. */
export async function startControl(changes: Record<string, unknown>): Promise<Controlled> {
  const controlled = makeControl(loadConfig(writeConfig(changes)));
  await controlled.control.start();
  return controlled;
}

export interface CuttableLink {
  readonly port: number;
  /** Ends all connections and takes no more until `mend`. */
  cut(): void;
  mend(): void;
  /** Lets the connections that are there now carry no more bytes; new ones work. */
  freeze(which: (index: number) => boolean): void;
  connections(): number;
  close(): Promise<void>;
}

export async function openLink(targetPort: number): Promise<CuttableLink> {
  const pairs: [Socket, Socket][] = [];
  let state: 'whole' | 'cut' = 'whole';
  const server = createServer((near) => {
    if (state === 'cut') {
      near.destroy();
      return;
    }
    const far = connect(targetPort, '127.0.0.1');
    pairs.push([near, far]);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('error', () => to.destroy());
      from.on('close', () => to.destroy());
      from.pipe(to);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the link has no port');
  const drop = (): void => {
    for (const [near, far] of pairs) {
      near.destroy();
      far.destroy();
    }
  };
  return {
    port: address.port,
    cut: () => {
      state = 'cut';
      drop();
    },
    mend: () => {
      state = 'whole';
    },
    freeze: (which) => {
      pairs
        .filter((_, index) => which(index))
        .forEach(([near, far]) => {
          near.unpipe().pause();
          far.unpipe().pause();
        });
    },
    connections: () => pairs.length,
    close: async () => {
      drop();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
