import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CLIENT_ERRORS, errorText } from '../../src/base/errors.ts';
import { REPOSITORY } from '../harness/repository.ts';

describe('the error catalogue', () => {
  it('is what docs/errors.md lists, no more and no less', () => {
    const page = readFileSync(new URL('docs/errors.md', REPOSITORY), 'utf8');
    const listed = [...page.matchAll(/^\| `([A-Z_]+)` \| (\d+) \| (\w{5}) \|/gm)].map(
      ([, code, errno, sqlState]) => `${code} ${errno} ${sqlState}`,
    );
    const known = Object.values(CLIENT_ERRORS).map(
      ({ code, errno, sqlState }) => `${code} ${errno} ${sqlState}`,
    );
    expect(listed.sort()).toEqual(known.sort());
  });

  it('says who spoke', () => {
    for (const { message } of Object.values(CLIENT_ERRORS)) expect(message).toContain('(understudy: ');
  });

  it('fills in the places of a message, and leaves one that has no value', () => {
    const error = { ...CLIENT_ERRORS.tooManyConnections, message: 'shard {shard} has {limit}, {other}' };
    expect(errorText(error, { shard: 's00', limit: 5 })).toBe('shard s00 has 5, {other}');
  });
});
