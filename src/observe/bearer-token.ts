/** The admin port's bearer token. RFC 6750: "The OAuth 2.0 Authorization Framework: Bearer Token Usage". */
import { createHash, timingSafeEqual } from 'node:crypto';

export type TokenCheck = 'right' | 'wrong' | 'missing';

const BEARER = /^Bearer +([A-Za-z0-9._~+/-]+=*) *$/i;

/** What a request with that Authorization header would be let in by. How long it takes tells nothing of the token. */
export function bearerCheck(token: string): (authorization: string | undefined) => TokenCheck {
  const wanted = digestOf(token);
  return (authorization) => {
    if (authorization === undefined) return 'missing';
    // Digests are of one length, which a comparison in constant time needs.
    const given = BEARER.exec(authorization)?.[1];
    return given !== undefined && timingSafeEqual(digestOf(given), wanted) ? 'right' : 'wrong';
  };
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
