/** A name with several addresses, the first of which says nothing. */
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { expect, it, vi } from 'vitest';
import { type Request, type TcpBinding, tcpBinding } from '../../src/base/tcp-binding.ts';
import { TcpStream } from '../../src/proxy/tcp-stream.ts';
import { waitFor } from '../harness/wait.ts';

const SILENT = '192.0.2.1';

vi.mock('node:dns', () => ({
  lookup: (_name: string, _options: unknown, found: (error: null, all: { address: string }[]) => void) =>
    found(null, [{ address: SILENT }, { address: '127.0.0.1' }]),
}));

function withSilence(binding: TcpBinding): TcpBinding {
  class Tcp extends binding.TCP {
    override connect(request: Request, address: string, port: number): number {
      return address === SILENT ? 0 : super.connect(request, address, port);
    }
  }
  return { ...binding, TCP: Tcp };
}

it('an address that says nothing does not use up the time of those behind it', async () => {
  if (tcpBinding === null) throw new Error('this Node has no bare handles');
  const server = createServer((socket) => socket.end('hello')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const words: string[] = [];
  let text = '';
  const stream = TcpStream.open(
    withSilence(tcpBinding),
    { host: 'two.addresses', port },
    30_000,
    {
      data: (chunk) => {
        text += chunk.toString('latin1');
      },
      drained: () => {},
      ended: () => stream.end(),
      closed: (error) => words.push(`closed: ${error?.message ?? 'in order'}`),
    },
    () => words.push('connected'),
  );
  try {
    await waitFor(() => words.includes('closed: in order'), { what: 'the connection to come to its end' });
    expect(words).toEqual(['connected', 'closed: in order']);
    expect(text).toBe('hello');
  } finally {
    stream.destroy();
    server.close();
  }
});
