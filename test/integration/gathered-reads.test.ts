/** Reads that come thick, on lanes to a real server: sent together, their answers read together, and none forgotten. */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { LaneLink } from '../../src/mirror/lane-link.ts';
import type { Unit } from '../../src/mirror/unit.ts';
import { COM } from '../../src/wire/protocol.ts';
import { LaneRig, type LaneRigOptions } from '../harness/lane-rig.ts';
import { type Mariadb, startMariadb } from '../harness/mariadb.ts';
import { replayOf, unitOf } from '../harness/mirror-kit.ts';
import { waitFor } from '../harness/wait.ts';

let db: Mariadb;
const rigs: LaneRig[] = [];
const servers: Server[] = [];
const sockets: Socket[] = [];

beforeAll(async () => {
  db = await startMariadb({ name: 'shadow' });
  await db.query(`CREATE DATABASE one; CREATE TABLE one.seen (id BIGINT PRIMARY KEY)`);
});
afterAll(() => db?.destroy());
afterEach(() => {
  for (const rig of rigs.splice(0)) rig.close();
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) server.close();
});

function createRig(lanes: LaneRigOptions['lanes'] = {}): LaneRig {
  const rig = new LaneRig({ port: db.port, lanes });
  rigs.push(rig);
  return rig;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const READ = { ...replayOf('SELECT 1'), kind: 'read' as const, keys: [] };
const readAt = (answeredAtMs: number): Unit => ({ ...unitOf([READ]), answeredAtMs });
const readNow = (): Unit => readAt(performance.now());

/** Turns of the event loop in which reads should long have come thick enough. */
const TURNS_MAX = 20_000;

/** Offers reads as clients would whom nobody slows down, until some are held back; then so many more. */
async function offerThick(rig: LaneRig, more: number): Promise<void> {
  const offerSome = async (): Promise<void> => {
    for (let count = 0; count < 20; count++) rig.offerUnit(readNow());
    await turn();
    if (rig.scheduler.statements > 1000)
      await waitFor(() => rig.scheduler.statements < 500, { what: 'the lanes to keep up' });
  };
  for (let turns = 0; rig.scheduler.held === 0; turns++) {
    if (turns > TURNS_MAX) throw new Error('no read is held back');
    await offerSome();
  }
  for (let offered = 0; offered < more; offered += 20) await offerSome();
}

const outcomes = (rig: LaneRig): Set<unknown> =>
  new Set(
    [...rig.endings.values()].map((endings) =>
      endings.map((ending) => (typeof ending === 'object' ? ending.outcome : ending)).join(),
    ),
  );

describe.each([1, 4])('reads that come thick, on %d lanes', (perShard) => {
  it('are all answered, once each, also when suddenly no more come', async () => {
    const rig = createRig({ perShard });
    for (let spell = 0; spell < 3; spell++) {
      await offerThick(rig, 1000);
      await rig.allEnded();
    }
    expect(outcomes(rig)).toEqual(new Set(['answered']));
    expect([rig.scheduler.held, rig.scheduler.statements, rig.lanes.running]).toEqual([0, 0, 0]);
  });

  it('are sent and answered where the holding ends while some are held back', async () => {
    const rig = createRig({ perShard });
    // Reads of a time to come, so that the clock itself does not end the holding meanwhile.
    const fromMs = performance.now() + 1_000_000;
    for (let count = 0; count < 1000; count++) rig.offerUnit(readAt(fromMs + count / 20));
    await rig.allEnded();
    rig.offerUnit(readAt(fromMs + 50));
    expect(rig.scheduler.held).toBe(1);
    rig.offerUnit(readAt(fromMs + 1000));
    expect(rig.scheduler.held).toBe(0);
    await rig.allEnded();
    expect(outcomes(rig)).toEqual(new Set(['answered']));
  });

  it('hold up no write among them', async () => {
    const rig = createRig({ perShard });
    await offerThick(rig, 200);
    const sql = `INSERT INTO one.seen VALUES (${perShard})`;
    rig.offerUnit(readNow());
    const held = rig.scheduler.held;
    const write = rig.offer([replayOf(sql, { keys: [1] })]);
    // It went past what is held back.
    expect(rig.scheduler.held).toBe(held);
    expect(await rig.ending(write)).toMatchObject({ outcome: 'answered', errno: 0 });
    await rig.allEnded();
  });

  it('are dropped with all that waits', async () => {
    const rig = createRig({ perShard });
    await offerThick(rig, 200);
    rig.close();
    await rig.allEnded();
    expect([...rig.endings.values()].every((endings) => endings.length === 1)).toBe(true);
    expect(rig.scheduler.held).toBe(0);
  });
});

describe('a link that leaves its answers unread', () => {
  const OK = Buffer.of(7, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0);

  async function openLink() {
    const rig = { clock: 0, ends: [] as string[], answers: [] as number[] };
    const served: Socket[] = [];
    const server = createServer((socket) => served.push(socket));
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const socket = connect(port, '127.0.0.1');
    sockets.push(socket);
    const far = await waitFor(() => served[0], { what: 'the connection' });
    sockets.push(far);
    await waitFor(() => !socket.connecting, { what: 'the connection' });
    const link = new LaneLink(
      socket,
      1,
      () => rig.clock,
      (end) => rig.ends.push(end),
    );
    const ask = (): void =>
      link.send(Buffer.of(COM.PING), (answer) => {
        if (answer !== null) rig.answers.push(answer.answeredAtMs - answer.sentAtMs);
      });
    return { rig, far, link, ask };
  }

  /** Long enough for what is on its way over loopback to be read, were it read. */
  async function answered(far: Socket, bytes: Buffer): Promise<void> {
    await new Promise<void>((resolve) => far.write(bytes, () => resolve()));
    for (let count = 0; count < 50; count++) await turn();
  }

  it('reads them when it is told to, and shares the time out evenly', async () => {
    const { rig, far, link, ask } = await openLink();
    for (let count = 0; count < 4; count++) ask();
    link.read('later');
    expect(link.resting).toBe(true);
    rig.clock = 2;
    await answered(far, Buffer.concat([OK, OK, OK, OK]));
    expect(rig.answers).toEqual([]);
    link.read('now');
    await waitFor(() => rig.answers.length === 4, { what: 'the answers' });
    expect(rig.answers).toEqual([0.5, 0.5, 0.5, 0.5]);
    expect(link.resting).toBe(false);
  });

  it('gives the time that they took beyond that to the one that took it', async () => {
    const { rig, far, link, ask } = await openLink();
    for (let count = 0; count < 3; count++) ask();
    link.read('later');
    link.read('now');
    rig.clock = 800;
    await answered(far, Buffer.concat([OK, OK]));
    rig.clock = 900;
    await answered(far, OK);
    await waitFor(() => rig.answers.length === 3, { what: 'the answers' });
    expect(rig.answers).toEqual([800, 0, 100]);
    expect(link.waitingMs()).toBe(0);
  });

  it('hears of the end when it reads again', async () => {
    const { rig, far, link, ask } = await openLink();
    ask();
    link.read('later');
    far.destroy();
    link.read('now');
    await waitFor(() => rig.ends.length > 0, { what: 'the end' });
    expect(rig.ends).toEqual(['lost']);
  });
});
