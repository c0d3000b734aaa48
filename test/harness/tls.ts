/** Certificates for loopback, made by openssl: an authority, a server and a client. */
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { temporaryDirectory } from './temp.ts';

const run = promisify(execFile);

/** Paths of PEM files. */
export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

export interface Certificates {
  /** Path of the authority's certificate (PEM). */
  readonly ca: string;
  readonly server: KeyPair;
  readonly client: KeyPair;
}

/** Makes a set of certificates good for two days; the server's names 127.0.0.1 and localhost. */
export async function makeCertificates(): Promise<Certificates> {
  const folder = temporaryDirectory('tls');
  const ca = await makeAuthority(folder);
  const server = await makeSigned(folder, 'server', ca, 'subjectAltName=IP:127.0.0.1,DNS:localhost');
  const client = await makeSigned(folder, 'client', ca, 'extendedKeyUsage=clientAuth');
  return { ca: ca.certificate, server, client };
}

async function makeAuthority(folder: string): Promise<KeyPair> {
  const pair = pathsOf(folder, 'ca');
  const args = [
    'req',
    '-x509',
    ...newKey(pair, 'understudy test authority'),
    '-days',
    '2',
    '-out',
    pair.certificate,
  ];
  await run('openssl', args);
  return pair;
}

async function makeSigned(folder: string, name: string, ca: KeyPair, extension: string): Promise<KeyPair> {
  const pair = pathsOf(folder, name);
  const request = join(folder, `${name}.csr`);
  const extensions = join(folder, `${name}.ext`);
  writeFileSync(extensions, `${extension}\n`);
  await run('openssl', ['req', ...newKey(pair, name), '-out', request]);
  await run('openssl', [
    ...['x509', '-req', '-in', request, '-days', '2', '-out', pair.certificate],
    ...['-CA', ca.certificate, '-CAkey', ca.key, '-CAcreateserial', '-extfile', extensions],
  ]);
  return pair;
}

function newKey(pair: KeyPair, commonName: string): string[] {
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
  return [...curve, '-nodes', '-keyout', pair.key, '-subj', `/CN=${commonName}`];
}

function pathsOf(folder: string, name: string): KeyPair {
  return { certificate: join(folder, `${name}.pem`), key: join(folder, `${name}-key.pem`) };
}

export function readPem(path: string): string {
  return readFileSync(path, 'utf8');
}
