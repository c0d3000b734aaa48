/** The sync's side of the journals' HTTP: pages, settling, the end of a reset, and proxies that do not answer. */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JournalPage } from '../../src/journal/journal.ts';
import { JournalClient, ProxyUnreachable } from '../../src/sync/journal-client.ts';
import { type Mariadb, startMariadb } from '../harness/mariadb.ts';
import { type Proxy as RunningProxy, startProxy } from '../harness/proxy.ts';
import { makeShardDatabases, shardsBetween } from '../harness/shard-databases.ts';
import { temporaryDirectory } from '../harness/temp.ts';
import { untilMirrorIsIdle } from './stage.ts';

const TOKEN = 'a-token-of-the-tests';
const SHARD = 's00';
const KEYS = [1, 2, 3, 4, 5];

let mariadb: Mariadb;
let proxy: RunningProxy;

beforeAll(async () => {
  mariadb = await startMariadb();
  await makeShardDatabases(mariadb, [SHARD]);
  proxy = await startProxy({
    config: {
      tables: { messages: { key: 'folderid' } },
      shards: await shardsBetween(mariadb, [SHARD]),
      // Every delete is a doubt.
      mirror: { reads: 0, writes: 100, deletes: 0 },
      journal: { directory: join(temporaryDirectory('journal-client'), 'journal') },
      admin: { token: TOKEN },
    },
  });
});

afterAll(async () => {
  await proxy?.kill9();
  await mariadb?.destroy();
});

function clientOf(admin = proxy.adminUrl, token: string | undefined = TOKEN): JournalClient {
  return new JournalClient({ address: { id: undefined, admin }, token, pageEntries: 2 });
}

async function pagesOf(client: JournalClient, shard = SHARD): Promise<JournalPage[]> {
  const pages: JournalPage[] = [];
  for await (const page of client.pages(shard)) pages.push(page);
  return pages;
}

const doubtsOf = (pages: readonly JournalPage[]) => pages.flatMap(({ entries }) => entries);

async function doubtKeys(keys: readonly number[]): Promise<void> {
  const client = await mariadb.connect({ port: proxy.port(SHARD), database: `old_${SHARD}` });
  for (const key of keys) await client.query(`DELETE FROM messages WHERE folderid = ${key}`);
  await client.end();
  await untilMirrorIsIdle(proxy);
}

async function settleAll(): Promise<void> {
  const client = clientOf();
  for (const { entries, cursor } of await pagesOf(client)) await client.settle(SHARD, entries, cursor);
}

/** To the proxy itself. */
async function passOn(request: IncomingMessage): Promise<{ status: number; text: string }> {
  const { authorization = '' } = request.headers;
  const response = await fetch(`${proxy.adminUrl}${request.url}`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json' },
    body: await textOf(request),
  });
  return { status: response.status, text: await response.text() };
}

describe('the journal of a proxy', () => {
  it('is read in pages to its end, and settled page by page', async () => {
    await doubtKeys(KEYS);
    const client = clientOf();
    const pages = await pagesOf(client);
    const doubts = doubtsOf(pages);
    // The keys of the writes themselves, which the journal has as well, are left out.
    expect(doubts.map(({ key, reason }) => `${reason} ${key}`)).toEqual(
      KEYS.map((key) => `not_sampled ${key}`),
    );
    expect(pages.map(({ entries }) => entries.length)).toEqual([2, 2, 1]);
    expect((await client.states()).get(SHARD)).toMatchObject({ keys: 5, reset: false });
    const { cursor } = pages.at(-1)!;
    expect(await client.settle(SHARD, doubts, cursor)).toEqual({ settled: 5, kept: 0, stale: false });
    expect((await client.states()).get(SHARD)?.keys).toBe(0);
  });

  it('keeps what was written behind the cursor', async () => {
    await doubtKeys([7]);
    const client = clientOf();
    const [page] = await pagesOf(client);
    await doubtKeys([7]);
    const seen = doubtsOf([page!]);
    expect(await client.settle(SHARD, seen, page!.cursor)).toMatchObject({ settled: 0, kept: 1 });
  });

  it('keeps what was noted since it was read, however late it is settled, and by whomever', async () => {
    await settleAll();
    await doubtKeys([8, 9]);
    const [early, late] = [clientOf(), clientOf()];
    const seen = { early: doubtsOf(await pagesOf(early)), late: doubtsOf(await pagesOf(late)) };
    const cursorNow = async () => (await pagesOf(early))[0]!.cursor;
    const settled = { settled: 2, kept: 0, stale: false };
    expect(await early.settle(SHARD, seen.early, await cursorNow())).toEqual(settled);
    await doubtKeys([9]);
    // By a cursor that is older than the write it would be kept in any case.
    const cursor = await cursorNow();
    for (const each of [late, early])
      expect(await each.settle(SHARD, seen.late, cursor)).toEqual({ settled: 1, kept: 1, stale: false });
    expect(doubtsOf(await pagesOf(early))).toMatchObject([{ key: '9', count: 1 }]);
  });

  it('is asked again to settle where its answer was lost', async () => {
    await settleAll();
    await doubtKeys([8]);
    const asked: string[] = [];
    const server = createServer((request, response) => {
      void passOn(request).then(({ status, text }) => {
        asked.push(request.url!);
        if (asked.length === 1) request.socket.destroy();
        else response.writeHead(status).end(text);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const [page] = await pagesOf(clientOf());
      const { port } = server.address() as AddressInfo;
      const client = clientOf(`http://127.0.0.1:${port}`);
      const settled = { settled: 1, kept: 0, stale: false };
      expect(await client.settle(SHARD, page!.entries, page!.cursor)).toEqual(settled);
      expect(asked).toEqual(['/api/journal/settle', '/api/journal/settle']);
    } finally {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  });

  it('says whether a full pass made a reset good', async () => {
    const client = clientOf();
    const { epoch } = (await client.states()).get(SHARD)!;
    expect(await client.fullPassDone(SHARD, epoch)).toBe(true);
    expect(await client.fullPassDone(SHARD, epoch + 1)).toBe(false);
  });

  it('of a shard that the proxy does not serve, or with another token, is an error that names the proxy', async () => {
    await expect(pagesOf(clientOf(), 's77')).rejects.toThrow(`proxy ${proxy.adminUrl}: it answers with HTTP`);
    await expect(clientOf(proxy.adminUrl, 'wrong').states()).rejects.toThrow('admin.token');
  });
});

describe('a proxy that breaks off', () => {
  let server: Server;
  const asked: string[] = [];

  beforeAll(async () => {
    server = createServer((request) => {
      asked.push(request.url ?? '');
      request.socket.destroy();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });

  afterAll(() => new Promise((resolve) => server.close(resolve)));

  it('is asked again, a few times', async () => {
    const { port } = server.address() as AddressInfo;
    const client = clientOf(`http://127.0.0.1:${port}`);
    await expect(pagesOf(client)).rejects.toThrow(`proxy http://127.0.0.1:${port}`);
    expect(asked.length).toBe(3);
    await expect(client.settle(SHARD, [], '')).rejects.toThrow(ProxyUnreachable);
    expect(asked.slice(3)).toEqual(Array(3).fill('/api/journal/settle'));
  });
});
