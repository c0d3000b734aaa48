import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { waitFor } from '../harness/wait.ts';
import { type Controlled, configContent, makeControl, writeConfig } from './control-kit.ts';

let file: string;
let controlled: Controlled;

beforeEach(async () => {
  file = writeConfig();
  controlled = makeControl(loadConfig(file));
  await controlled.control.start();
});
afterEach(() => controlled.control.stop());

const write = (changes: Record<string, unknown>): void =>
  writeFileSync(file, JSON.stringify(configContent(changes)));
const untilReads = (reads: number) =>
  controlled.until(`${reads} % of reads`, ({ shards }) => shards.s00?.reads === reads);
const warnings = () => controlled.lines().filter(({ level }) => level === 'warn');

test('begins with the file’s ratios', () => {
  expect(controlled.control.current()).toMatchObject({
    source: 'file',
    connected: true,
    revision: 0,
    shards: { s00: { reads: 1, writes: 2, deletes: 3 } },
  });
  expect(controlled.metrics.connected).toBe(true);
});

test('a file written in place is applied, with the shards’ own values', async () => {
  write({ mirror: { reads: 40, shards: { s01: { deletes: 9.5 } } } });
  const snapshot = await untilReads(40);
  expect(snapshot).toMatchObject({
    revision: 1,
    shards: { s00: { reads: 40, writes: 0, deletes: 0 }, s01: { reads: 40, writes: 0, deletes: 9.5 } },
  });
  expect(controlled.snapshots).toEqual([snapshot]);
});

test('a file that an editor put in its place is applied, again and again', async () => {
  for (const reads of [10, 20, 30]) {
    const next = join(dirname(file), 'next');
    writeFileSync(next, JSON.stringify(configContent({ mirror: { reads } })));
    renameSync(next, file);
    await untilReads(reads);
  }
});

test('a bad file is refused once, and the last good ratios stay until it is good again', async () => {
  writeFileSync(file, '{ "mirror": ');
  await waitFor(() => controlled.metrics.rejections === 1, { what: 'the refusal' });
  expect(warnings()).toMatchObject([{ reason: expect.stringContaining('is not valid JSON') }]);
  write({ mirror: { reads: 101 } });
  await waitFor(() => controlled.metrics.rejections === 2, { what: 'the second refusal' });
  expect(warnings().at(-1)?.reason).toContain('mirror.reads');
  expect(controlled.control.current()).toMatchObject({ revision: 0, shards: { s00: { reads: 1 } } });
  write({ mirror: { reads: 5 } });
  await untilReads(5);
  expect(controlled.metrics.rejections).toBe(2);
});

test('another changed setting is named as needing a restart, by path; the ratios beside it are applied', async () => {
  const [first] = configContent().shards as object[];
  write({
    mirror: { reads: 6 },
    maxConnections: 7,
    shards: [{ ...first, port: 3999 }],
    newUser: { user: 'u', password: 'hush' },
  });
  const snapshot = await untilReads(6);
  expect(Object.keys(snapshot.shards)).toEqual(['s00', 's01']);
  expect(warnings()).toHaveLength(1);
  expect(warnings()[0]?.paths).toEqual(
    expect.arrayContaining(['maxConnections', 'shards[0].port', 'shards[1]', 'newUser.password']),
  );
  expect(JSON.stringify(controlled.lines())).not.toContain('hush');
});

test('a file that is gone leaves the last ratios; its return is taken up', async () => {
  write({ mirror: { reads: 4 }, maxConnections: 7 });
  await untilReads(4);
  const text = readFileSync(file);
  rmSync(file);
  await controlled.until('the loss', ({ connected }) => !connected);
  expect(controlled.metrics).toMatchObject({ connected: false, rejections: 0 });
  expect(controlled.control.current().shards.s00?.reads).toBe(4);
  writeFileSync(file, text);
  await controlled.until('the return', ({ connected }) => connected);
  write({ mirror: { reads: 8 } });
  await untilReads(8);
  expect(warnings().filter(({ msg }) => msg.includes('restart'))).toHaveLength(1);
});
