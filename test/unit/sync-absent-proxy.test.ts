/** A proxy that did not answer when the sync began counts from the moment that it does. */
import { expect, it } from 'vitest';
import { AbsentProxy } from '../../src/sync/absent-proxy.ts';
import type { JournalState } from '../../src/sync/journal-client.ts';

const STATES = new Map<string, JournalState>([['s00', { keys: 1, reset: false, epoch: 0, lagSeconds: 2 }]]);

/** `answer`: what it says when it is asked. */
function proxyWith(answer: () => ReadonlyMap<string, JournalState>) {
  const clock = { ms: 0 };
  const asked: (string | undefined)[] = [];
  const states = async (patience?: 'once') => {
    asked.push(patience);
    return answer();
  };
  return { clock, asked, proxy: new AbsentProxy({ journal: { states }, now: () => clock.ms }) };
}

it('is nobody until it answers, and then one of which an answer is due', async () => {
  let answer = (): ReadonlyMap<string, JournalState> => {
    throw new Error('refused');
  };
  const { proxy, asked } = proxyWith(() => answer());
  expect([await proxy.isThere(), (await proxy.states()).size]).toEqual([false, 0]);
  answer = () => STATES;
  expect([await proxy.isThere(), await proxy.states()]).toEqual([true, STATES]);
  expect(asked).toEqual(['once', 'once', 'once', undefined]);
  answer = () => {
    throw new Error('gone again');
  };
  await expect(proxy.states()).rejects.toThrow('gone again');
  expect(await proxy.isThere()).toBe(true);
});

it('is left alone for a while where it took long to say nothing', async () => {
  const { proxy, asked, clock } = proxyWith(() => {
    clock.ms += 3000;
    throw new Error('no answer');
  });
  for (let time = 0; time < 5; time++) await proxy.isThere();
  expect(asked.length).toBe(1);
  clock.ms += 10_000;
  await proxy.isThere();
  expect(asked.length).toBe(2);
});
