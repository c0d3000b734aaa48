/** The ways on which the client has TLS, and the certificate that they show it. */
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from '../test/harness/temp.ts';
import { makeCertificates } from '../test/harness/tls.ts';
import type { Target } from './results.ts';

/** Each with the way that differs from it by TLS alone. */
export const TLS_WAYS = [
  { target: 'direct-tls', plain: 'direct' },
  { target: 'mirror-0-tls', plain: 'mirror-0' },
] as const satisfies readonly { readonly target: Target; readonly plain: Target }[];

/** An account of the old server that is let in by TLS alone: a client that has none can't be measured by mistake. */
export const SECURE_USER = 'secure';

export interface BenchCertificates {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
  /** Where sysbench is run: it looks for its own files in its working directory, under names that are fixed. */
  readonly clientFolder: string;
}

export function isTls(target: Target): boolean {
  return TLS_WAYS.some((way) => way.target === target);
}

export async function makeBenchCertificates(): Promise<BenchCertificates> {
  const { ca, server, client } = await makeCertificates();
  const clientFolder = temporaryDirectory('sysbench');
  copyFileSync(ca, join(clientFolder, 'cacert.pem'));
  copyFileSync(client.certificate, join(clientFolder, 'client-cert.pem'));
  copyFileSync(client.key, join(clientFolder, 'client-key.pem'));
  return { ca, ...server, clientFolder };
}
