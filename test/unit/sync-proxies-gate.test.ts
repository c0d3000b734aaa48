/** The gate opens once every proxy has replayed what came before, and never before that. */
import { describe, expect, it } from 'vitest';
import { type AskLag, ProxiesGate } from '../../src/sync/proxies-gate.ts';

/** Its oldest unit, if there is one, was answered at `oldestMs`. */
function proxyWith(oldest: () => number | null, asked: { count: number } = { count: 0 }): AskLag {
  return () => {
    asked.count += 1;
    const oldestMs = oldest();
    const lagSeconds = oldestMs === null ? 0 : (performance.now() - oldestMs) / 1000;
    return Promise.resolve(new Map([['s00', { lagSeconds }]]));
  };
}

function gateOf(proxies: readonly AskLag[], timeoutMs = 10_000): ProxiesGate {
  return new ProxiesGate({ shard: 's00', proxies, now: () => performance.now(), timeoutMs });
}

describe('the gate of the mirrors', () => {
  it('is open where there is no mirror', async () => {
    const gate = gateOf([]);
    expect(await gate.replayed(gate.now())).toBe(true);
  });

  it('opens when the last proxy has come past the moment', async () => {
    const sinceMs = performance.now();
    let looks = 0;
    const late = proxyWith(() => (++looks < 4 ? sinceMs - 5 : null));
    expect(await gateOf([proxyWith(() => null), late]).replayed(sinceMs)).toBe(true);
    expect(looks).toBe(4);
  });

  it('opens although newer writes wait', async () => {
    const sinceMs = performance.now();
    expect(await gateOf([proxyWith(() => sinceMs + 101)]).replayed(sinceMs)).toBe(true);
  });

  it('stays shut where a mirror does not come on, or can’t be asked', async () => {
    const sinceMs = performance.now();
    expect(await gateOf([proxyWith(() => sinceMs - 5)], 300).replayed(sinceMs)).toBe(false);
    const gone: AskLag = () => Promise.reject(new Error('it is gone'));
    expect(await gateOf([proxyWith(() => null), gone]).replayed(sinceMs)).toBe(false);
  });

  it('is shut for a while where a mirror could not be asked, which has been waited for', async () => {
    let asked = 0;
    const gone: AskLag = () => Promise.reject(new Error(`it is gone, and was asked ${++asked} times`));
    const gate = gateOf([gone]);
    expect([await gate.replayed(gate.now()), await gate.replayed(gate.now()), asked]).toEqual([
      false,
      false,
      1,
    ]);
  });

  it('is open while nobody is there, and asks who has come', async () => {
    let lag = 0;
    const anyone = (): Promise<boolean> => Promise.resolve(lag > 0);
    const proxies = [(): ReturnType<AskLag> => Promise.resolve(new Map([['s00', { lagSeconds: lag }]]))];
    const gate = new ProxiesGate({
      shard: 's00',
      proxies,
      anyone,
      now: () => performance.now(),
      timeoutMs: 1,
    });
    const before = await gate.replayed(gate.now());
    lag = 60;
    expect([before, await gate.replayed(gate.now())]).toEqual([true, false]);
  });

  it('asks once for all that lies before the last answer', async () => {
    const asked = { count: 0 };
    const gate = gateOf([proxyWith(() => null, asked)]);
    const sinceMs = gate.now();
    expect([await gate.replayed(sinceMs), await gate.replayed(sinceMs - 1), asked.count]).toEqual([
      true,
      true,
      1,
    ]);
  });

  it('takes a proxy that does not serve the shard for one that has nothing to replay', async () => {
    const gate = gateOf([() => Promise.resolve(new Map())]);
    expect(await gate.replayed(gate.now())).toBe(true);
  });
});
