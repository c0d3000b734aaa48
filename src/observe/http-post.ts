/** One POST of JSON to an address that the configuration names, trusting whom the machine trusts. */
import { readFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { rootCertificates } from 'node:tls';

export interface PostOptions {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  /** Ends it before its time. */
  readonly signal: AbortSignal;
}

/** Where systems keep the authorities that they trust: Debian and Alpine, Red Hat, SUSE. */
const AUTHORITY_FILES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
];

/**
 * Resolves when the answer's status is a success. Rejects otherwise, also at a redirect: the headers are meant for
 * the one address. The error names neither the URL's path nor a header.
 */
export async function postJson(body: string, options: PostOptions): Promise<void> {
  const url = new URL(options.url);
  const secure = url.protocol === 'https:';
  const ca = secure ? await trustedAuthorities() : [];
  const status = await new Promise<number>((resolve, reject) => {
    const settings = {
      method: 'POST',
      agent: false as const,
      signal: AbortSignal.any([options.signal, AbortSignal.timeout(options.timeoutMs)]),
      headers: {
        ...options.headers,
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
      },
    };
    const request = secure ? httpsRequest(url, { ...settings, ca }) : httpRequest(url, settings);
    request.once('error', reject);
    request.once('response', (response) => {
      resolve(response.statusCode ?? 0);
      // What it says besides is nobody's.
      response.destroy();
    });
    request.end(body);
  });
  if (status < 200 || status > 299) throw new Error(`it answered with HTTP status ${status}`);
}

/** Node's own list alone knows no authority of a company's; the variables are OpenSSL's and Node's. */
async function trustedAuthorities(): Promise<string[]> {
  const { SSL_CERT_FILE, NODE_EXTRA_CA_CERTS } = process.env;
  const files = SSL_CERT_FILE === undefined ? AUTHORITY_FILES : [SSL_CERT_FILE];
  const extra = NODE_EXTRA_CA_CERTS === undefined ? [] : [NODE_EXTRA_CA_CERTS];
  const read = await Promise.all([...files, ...extra].map((file) => readFile(file, 'utf8').catch(() => '')));
  return [...rootCertificates, ...read.filter((text) => text !== '')];
}
