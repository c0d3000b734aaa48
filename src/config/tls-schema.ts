/** The fields of TLS in the configuration file, and what is made of them. */
import { resolve } from 'node:path';
import { z } from 'zod';
import type { ClusterTlsSettings } from '../base/cluster-tls.ts';
import type { TlsFiles } from '../base/tls-files.ts';

const pemFile = (what: string) => z.string().min(1).describe(`${what} (PEM file)`);

const minVersion = z
  .enum(['TLSv1.2', 'TLSv1.3'], { error: 'must be "TLSv1.2" or "TLSv1.3"' })
  .default('TLSv1.2')
  .describe('The oldest version that is spoken');

export const listenTlsSchema = z
  .strictObject({
    certificate: pemFile('The certificate that clients see, and those between it and its authority'),
    key: pemFile('Its key, without a passphrase'),
    ca: pemFile(
      'The authority of client certificates. With it a client that asks for TLS must show one that it signed',
    ).optional(),
    minVersion,
    requireTls: z.boolean().default(false).describe('Refuse clients that do not ask for TLS'),
  })
  .describe('Offers TLS to clients. Left out: they are not offered any');

export const clusterTlsSchema = z.strictObject({
  ca: pemFile(
    'The authority that signed the servers’ certificates. Left out: those that Node knows',
  ).optional(),
  serverName: z
    .string()
    .min(1)
    .optional()
    .describe('The name in the servers’ certificates. Left out: the host of the shard'),
  certificate: pemFile('Our certificate, for servers that ask for one').optional(),
  key: pemFile('Its key, without a passphrase').optional(),
  verify: z
    .boolean()
    .default(true)
    .describe('False: encrypted, but with whoever answers; no certificate is checked'),
  minVersion,
});

export type ParsedListenTls = z.output<typeof listenTlsSchema>;
export type ParsedClusterTls = z.output<typeof clusterTlsSchema>;

export interface ListenTlsSettings {
  readonly files: TlsFiles;
  readonly requireTls: boolean;
}

/** Paths count from `base`, the configuration's directory. */
export function listenTlsSettings(parsed: ParsedListenTls, base: string): ListenTlsSettings {
  return { files: tlsFiles('listen.tls', parsed, base), requireTls: parsed.requireTls };
}

export function clusterTlsSettings(
  place: 'oldTls' | 'newTls',
  parsed: ParsedClusterTls,
  base: string,
): ClusterTlsSettings {
  const { serverName, verify } = parsed;
  return { files: tlsFiles(place, parsed, base), serverName, verify };
}

/** etcd's client speaks what gRPC speaks: the version is not ours to choose. */
export function etcdTlsFiles(
  parsed: Partial<Pick<ParsedClusterTls, 'ca' | 'certificate' | 'key'>>,
  base: string,
): TlsFiles {
  return tlsFiles('etcd', { ...parsed, minVersion: 'TLSv1.2' }, base);
}

function tlsFiles(
  place: string,
  parsed: Partial<Pick<ParsedClusterTls, 'ca' | 'certificate' | 'key'>> &
    Pick<ParsedClusterTls, 'minVersion'>,
  base: string,
): TlsFiles {
  const absolute = (path: string | undefined): string | undefined =>
    path === undefined ? undefined : resolve(base, path);
  return {
    place,
    ca: absolute(parsed.ca),
    certificate: absolute(parsed.certificate),
    key: absolute(parsed.key),
    minVersion: parsed.minVersion,
  };
}
