/** `UNDERSTUDY_SOCKETS=stream`: by Node's sockets alone the proxy does what it does on bare handles. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { waitFor } from '../harness/wait.ts';
import { expectSameBytes } from './same-bytes.ts';
import { mirrored, type Stage, startStage, untilMirrorIsIdle } from './stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await startStage({
    schema: 'CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(200))',
    env: { UNDERSTUDY_SOCKETS: 'stream' },
  });
});
afterAll(() => stage?.close());

it('bytes are the same, and what is written arrives on the shadow', async () => {
  const before = await mirrored(stage.proxy, { outcome: 'mirrored' });
  await expectSameBytes(stage, async (session) => {
    for (const sql of [
      "INSERT INTO t VALUES (1, 'one'), (2, REPEAT('x', 200))",
      'SELECT * FROM t',
      'SELECT REPEAT(name, 50000) FROM t',
      'SELECT * FROM missing',
      'DELETE FROM t WHERE id = 1',
    ]) {
      await session.query(sql);
    }
  });
  await untilMirrorIsIdle(stage.proxy);
  await waitFor(async () => (await mirrored(stage.proxy, { outcome: 'mirrored' })) > before, {
    what: 'the mirror to have replayed something',
  });
  expect(await stage.fresh.query('SELECT id FROM app_new.t')).toEqual([{ id: 2 }]);
});

it('the log says so', () => stage.proxy.untilLogged('connections go by Node’s streams'));
