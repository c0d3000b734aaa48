/** How a session ends whose client has stopped to read: the server's part is played by a script. */
import { afterEach, expect, it, vi } from 'vitest';
import { startSessionRig } from '../harness/session-rig.ts';

afterEach(() => {
  vi.useRealTimers();
});

it('a client that does not read is dropped some time after the server’s connection has failed', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const { client, far, metrics, closed, close } = await startSessionRig({
    clientLeavesUnread: 1000,
    taps: { tap: () => expect.fail('a login has succeeded'), record: () => {}, unseen: () => {} },
  });
  try {
    far.write('x');
    await vi.waitFor(() => expect(metrics.relayedToClient).toBe(1), { timeout: 10_000 });
    far.resetAndDestroy();
    // A reset would throw away what it has not read.
    await vi.waitFor(() => expect(client.calls).toEqual(['endAndDestroy']), { timeout: 10_000 });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(client.calls).toEqual(['endAndDestroy', 'destroy']);
    expect(closed()).toBe(1);
  } finally {
    close();
  }
});
