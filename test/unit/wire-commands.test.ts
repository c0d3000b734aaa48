/** The command reader: what it hands over, and for how long that holds good. */
import { expect, it } from 'vitest';
import { CommandReader } from '../../src/wire/command-reader.ts';
import type { Exchange } from '../../src/wire/exchange.ts';
import { packets } from '../harness/packet-writer.ts';

const QUERY = Buffer.from('\x03SELECT 1 FROM messages');
const OTHER = Buffer.from('\x03SELECT 2');

/** Feeds pieces from one buffer that each overwrites, as a socket's reads do. */
function feedFromOneBuffer(pieces: readonly Buffer[], onCommand: (exchange: Exchange<never>) => void): void {
  const reader = new CommandReader<never>(1000);
  const arrivals = Buffer.alloc(1000);
  for (const piece of pieces) {
    piece.copy(arrivals);
    expect(reader.feed(arrivals.subarray(0, piece.length), onCommand)).toBe(true);
    arrivals.fill(0xa5);
  }
}

it('a command cut anywhere is handed over whole, from a buffer that is used again', () => {
  const bytes = Buffer.concat([packets(QUERY), packets(OTHER)]);
  for (let first = 0; first <= bytes.length; first++) {
    for (let second = first; second <= bytes.length; second++) {
      const pieces = [bytes.subarray(0, first), bytes.subarray(first, second), bytes.subarray(second)];
      const seen: string[] = [];
      feedFromOneBuffer(pieces, ({ payload }) => seen.push(payload.toString('latin1')));
      expect(seen).toEqual([QUERY.toString('latin1'), OTHER.toString('latin1')]);
    }
  }
});

it('a payload lasts beyond the call only if it was kept in it', () => {
  const kept: Exchange<never>[] = [];
  const left: Exchange<never>[] = [];
  feedFromOneBuffer([packets(QUERY), packets(OTHER)], (exchange) => {
    if (exchange.payload.equals(QUERY)) {
      expect(exchange.keep().equals(QUERY)).toBe(true);
      kept.push(exchange);
    } else left.push(exchange);
  });
  expect(kept.map(({ payload }) => payload.toString('latin1'))).toEqual([QUERY.toString('latin1')]);
  expect(left.map(({ payload, length, truncated }) => [payload.length, length, truncated])).toEqual([
    [0, OTHER.length, false],
  ]);
});
