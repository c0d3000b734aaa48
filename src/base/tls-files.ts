/** Certificates and keys as they lie on disk: read, checked, and told of by their place in the configuration. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext, type SecureContext, type SecureVersion } from 'node:tls';
import { messageOf, UsageError } from './errors.ts';

/** Absolute paths of PEM files. */
export interface TlsFiles {
  /** Where in the configuration they are named: `listen.tls`, `oldTls`, `newTls`. */
  readonly place: string;
  readonly ca: string | undefined;
  readonly certificate: string | undefined;
  readonly key: string | undefined;
  readonly minVersion: SecureVersion;
}

/** What Node's TLS takes, with the names that it has there. */
export interface TlsMaterial {
  readonly ca: Buffer | undefined;
  readonly cert: Buffer | undefined;
  readonly key: Buffer | undefined;
  readonly minVersion: SecureVersion;
  /** When the certificate stops being valid, milliseconds since 1970; null where there is no certificate. */
  readonly expiresAtMs: number | null;
}

/** Reads all files anew. Throws UsageError with every fault, one a line: place, file and remedy. */
export function readTlsMaterial(files: TlsFiles): TlsMaterial {
  const faults: string[] = [];
  const read = <T>(
    name: 'ca' | 'certificate' | 'key',
    parse: (pem: Buffer) => T,
  ): [Buffer, T] | undefined => {
    const file = files[name];
    if (file === undefined) return undefined;
    try {
      const pem = readFileSync(file);
      return [pem, parse(pem)];
    } catch (error) {
      faults.push(`${files.place}.${name}: ${file}: ${messageOf(error)}; ${REMEDIES[name]}`);
      return undefined;
    }
  };
  const ca = read('ca', parseCertificate);
  const certificate = read('certificate', parseCertificate);
  const key = read('key', parseKey);
  if (certificate !== undefined && key !== undefined && !certificate[1].checkPrivateKey(key[1])) {
    faults.push(
      `${files.place}.key: ${files.key} is not the key of the certificate ${files.certificate}; name the two that were made together`,
    );
  }
  if (faults.length > 0) throw new UsageError(faults.join('\n'));
  return {
    ca: ca?.[0],
    cert: certificate?.[0],
    key: key?.[0],
    minVersion: files.minVersion,
    expiresAtMs: certificate === undefined ? null : Date.parse(certificate[1].validTo),
  };
}

/** Throws UsageError where OpenSSL refuses what each file by itself was fit for. */
export function secureContextOf(place: string, material: TlsMaterial): SecureContext {
  const { ca, cert, key, minVersion } = material;
  try {
    return createSecureContext({ ca, cert, key, minVersion });
  } catch (error) {
    throw new UsageError(`${place}: ${messageOf(error)}`);
  }
}

const REMEDIES = {
  ca: 'name a PEM file with the certificate of the authority',
  certificate: 'name a PEM file with the certificate, and those between it and the authority behind it',
  key: 'name a PEM file with the key of the certificate, without a passphrase, that this account may read',
} as const;

function parseCertificate(pem: Buffer): X509Certificate {
  return new X509Certificate(pem);
}

function parseKey(pem: Buffer): KeyObject {
  return createPrivateKey(pem);
}
