/** The webhook over https: whom the machine trusts is trusted, and nobody else. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it, vi } from 'vitest';
import { postJson } from '../../src/observe/http-post.ts';
import { makeCertificates } from '../harness/tls.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

it('is called over https where the system trusts its authority, and not where it does not', async () => {
  const { ca, server: pair } = await makeCertificates();
  const heard: string[] = [];
  const server = createServer(
    { cert: readFileSync(pair.certificate), key: readFileSync(pair.key) },
    (request, response) => {
      request.on('data', (chunk: Buffer) => heard.push(chunk.toString()));
      request.on('end', () => response.end());
    },
  ).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const post = (body: string): Promise<void> =>
    postJson(body, { url, headers: {}, timeoutMs: 20_000, signal: new AbortController().signal });
  try {
    await expect(post('{"n":1}')).rejects.toThrow(/certificate/);
    vi.stubEnv('SSL_CERT_FILE', ca);
    await post('{"n":2}');
    vi.stubEnv('SSL_CERT_FILE', undefined);
    vi.stubEnv('NODE_EXTRA_CA_CERTS', ca);
    await post('{"n":3}');
    expect(heard).toEqual(['{"n":2}', '{"n":3}']);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
