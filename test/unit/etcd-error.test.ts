/** The texts are those that gRPC, OpenSSL and etcd 3.4 gave to real calls that failed. */
import { describe, expect, test } from 'vitest';
import { UsageError } from '../../src/base/errors.ts';
import { etcdError, etcdReason } from '../../src/control/etcd-error.ts';

const broken = (last: string): string =>
  `14 UNAVAILABLE: No connection established. Last error: ${last}. Resolution note: `;

describe('etcdReason', () => {
  test.each([
    [
      'refused',
      broken('Error: connect ECONNREFUSED 127.0.0.1:2379'),
      '127.0.0.1:2379 refused the connection (ECONNREFUSED)',
    ],
    [
      'refused, by IPv6',
      broken('Error: connect ECONNREFUSED ::1:2379'),
      '::1:2379 refused the connection (ECONNREFUSED)',
    ],
    [
      'unreachable',
      broken('Error: connect EHOSTUNREACH 10.0.0.1:2379'),
      "the host can't be reached (EHOSTUNREACH)",
    ],
    [
      'no such name',
      '14 UNAVAILABLE: Name resolution failed for target dns:etcd.invalid:2379',
      "the name of the host can't be resolved: etcd.invalid:2379",
    ],
    [
      'silent',
      '4 DEADLINE_EXCEEDED: Deadline exceeded after 1.514s,name resolution: 0.001s,Waiting for LB pick',
      'no answer within 1500 ms',
    ],
    [
      'wrong password',
      '3 INVALID_ARGUMENT: etcdserver: authentication failed, invalid user ID or password',
      'denied: authentication failed, the user or the password (etcd.user, etcd.password) is wrong',
    ],
    [
      'no account',
      '3 INVALID_ARGUMENT: etcdserver: user name is empty',
      'denied: etcd asks for an account (etcd.user, etcd.password)',
    ],
    [
      'no right',
      '7 PERMISSION_DENIED: etcdserver: permission denied',
      'denied: the account (etcd.user) has no right to this',
    ],
    [
      'forgotten login',
      '16 UNAUTHENTICATED: etcdserver: invalid auth token',
      'denied: etcd no longer knows our login',
    ],
    [
      'unknown authority',
      broken('Error: unable to verify the first certificate'),
      'certificate: unable to verify the first certificate (etcd.ca names who may sign it)',
    ],
    [
      'client certificate missing',
      broken(
        '806CECA0967F0000:error:0A000412:SSL routines:ssl3_read_bytes:sslv3 alert bad certificate:../deps/openssl/openssl/ssl/record/rec_layer_s3.c:1601:SSL alert number 42\n (2026-11-22T04:13:57.697Z)',
      ),
      'certificate: etcd does not take ours (etcd.certificate, etcd.key), or wants one',
    ],
    [
      'no PEM',
      'error:0480006C:PEM routines::no start line',
      'certificate: etcd.certificate or etcd.key is no PEM file',
    ],
    [
      'https to http',
      broken('Error: Client network socket disconnected before secure TLS connection was established'),
      'TLS failed; does this host speak https?',
    ],
    [
      'http to https',
      broken('Failed to connect (2026-11-22T04:05:32.532Z)'),
      'the connection was broken off; is this etcd, and does the URL rightly say http or https?',
    ],
    [
      'no etcd',
      broken('Protocol error (2026-11-22T04:05:32.538Z)'),
      'the connection was broken off; is this etcd, and does the URL rightly say http or https?',
    ],
    [
      'what etcd says itself',
      '8 RESOURCE_EXHAUSTED: etcdserver: too many requests',
      'etcdserver: too many requests',
    ],
    ['what gRPC knows no more of', broken('something else (2026-11-22T04:05:32.538Z)'), 'something else'],
    ['what we say', 'there are more than 8192 keys under /x/', 'there are more than 8192 keys under /x/'],
  ])('%s', (_name, text, words) => {
    expect(etcdReason(new Error(text))).toBe(words);
  });

  test('is one line of bounded length', () => {
    const reason = etcdReason(new Error(`2 UNKNOWN: a\nb\u001b[31m${'x'.repeat(5000)}`));
    expect(reason).toMatch(/^a\?b\?\[31mx+…$/);
    expect(reason.length).toBeLessThan(400);
  });
});

describe('etcdError', () => {
  test('says what was asked of which hosts, without an account in the URL', () => {
    const hosts = ['http://10.0.0.1:2379', 'http://me:hidden@10.0.0.2:2379'];
    const text = broken('Error: connect ECONNREFUSED 10.0.0.2:2379');
    expect(etcdError(hosts, 'to change the ratios', new Error(text)).message).toBe(
      'asking etcd at http://10.0.0.1:2379, http://10.0.0.2:2379 to change the ratios failed: 10.0.0.2:2379 refused the connection (ECONNREFUSED)',
    );
  });

  test('leaves a fault of the configuration as it is', () => {
    const fault = new UsageError('etcd.hosts: mixes http and https');
    expect(etcdError(['http://a:1'], 'to log in', fault)).toBe(fault);
  });
});
