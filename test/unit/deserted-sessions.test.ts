import { expect, it } from 'vitest';
import { DesertedSessions, type Ends } from '../../src/proxy/deserted-sessions.ts';

interface Sides {
  readonly client?: { readonly unsentBytes?: number; readonly dropped?: boolean };
  readonly server?: { readonly unsentBytes?: number; readonly dropped?: boolean };
  readonly clientHeld?: boolean;
}

function ends({ client = {}, server = {}, clientHeld = false }: Sides): Ends {
  const side = ({ unsentBytes = 0, dropped = false }: NonNullable<Sides['client']>) => ({
    unsentBytes,
    isDropped: () => dropped,
  });
  return { client: side(client), server: side(server), clientHeld };
}

const GONE = { dropped: true };

it.each<[name: string, first: Sides, second: Sides, deserted: boolean]>([
  [
    'the server takes nothing, and its client is gone',
    { server: { unsentBytes: 9 }, clientHeld: true },
    { server: { unsentBytes: 9 }, client: GONE, clientHeld: true },
    true,
  ],
  [
    'the server answers nothing of many commands, and its client is gone',
    { clientHeld: true },
    { client: GONE, clientHeld: true },
    true,
  ],
  [
    'the server still takes bytes',
    { server: { unsentBytes: 9 }, clientHeld: true },
    { server: { unsentBytes: 8 }, client: GONE, clientHeld: true },
    false,
  ],
  [
    'the server takes nothing, and its client waits',
    { server: { unsentBytes: 9 }, clientHeld: true },
    { server: { unsentBytes: 9 }, clientHeld: true },
    false,
  ],
  ['it is the first time', {}, { server: { unsentBytes: 9 }, client: GONE, clientHeld: true }, false],
  [
    'the client takes nothing, and its server is gone',
    { client: { unsentBytes: 9 } },
    { client: { unsentBytes: 9 }, server: GONE },
    true,
  ],
  [
    'the client still takes bytes',
    { client: { unsentBytes: 9 } },
    { client: { unsentBytes: 8 }, server: GONE },
    false,
  ],
  ['the client has taken all', { client: { unsentBytes: 9 } }, { server: GONE }, false],
])('deserted or not: %s', (_name, first, second, deserted) => {
  const session = { ends: ends(first) };
  const sessions = new DesertedSessions<{ ends: Ends }>();
  expect(sessions.round([session])).toEqual([]);
  session.ends = ends(second);
  expect(sessions.round([session])).toEqual(deserted ? [session] : []);
});
