/** The login's packets, as two libraries write and read them, and as servers that are not here would send them. */
import { describe, expect, it } from 'vitest';
import { CAPABILITY, MARIADB_CAPABILITY } from '../../src/wire/capabilities.ts';
import { readChangeUser } from '../../src/wire/change-user-packet.ts';
import { readAndMaskGreeting } from '../../src/wire/greeting.ts';
import { readHandshakeResponse } from '../../src/wire/handshake-response.ts';
import { Login } from '../../src/wire/login.ts';
import {
  type LoginFields,
  writeChangeUser,
  writeGreeting,
  writeResponse,
} from '../harness/library-commands.ts';
import { readGreetingPacket } from '../harness/library-packets.ts';
import { err, int, ok } from '../harness/packet-writer.ts';

const ALL_BASE = 0xffff_ffff;
const FIELDS: LoginFields = {
  flags: 0x000f_a28d,
  user: 'us\u00e9r',
  password: 'secret',
  database: 'd\u00e4ta',
  charsetNumber: 45,
};

/** The greeting of a server of the 5.5 era: no plugin, or no upper half at all. */
function oldGreeting(lower: number, upper: number | null): Buffer {
  const head = [
    Buffer.of(10),
    Buffer.from('5.5.62-log\0'),
    int(4, 7),
    Buffer.from('12345678\0'),
    int(2, lower),
  ];
  const rest = [
    Buffer.of(8),
    int(2, 2),
    int(2, upper ?? 0),
    Buffer.of(21),
    Buffer.alloc(10),
    Buffer.from('123456789012\0'),
  ];
  return Buffer.concat(upper === null ? head : [...head, ...rest]);
}

function mariadbGreeting(own: number): Buffer {
  const greeting = oldGreeting(0xf7fe, 0x81ff);
  greeting.writeUInt32LE(own, greeting.indexOf(0, 1) + 1 + 13 + 2 + 3 + 2 + 1 + 6);
  return greeting;
}

describe('a greeting', () => {
  it('keeps every byte but the bits that the relay can not follow', () => {
    const fields = {
      serverVersion: '8.4.5',
      capabilityFlags: ALL_BASE,
      connectionId: 0xfffffff0,
      statusFlags: 2,
    };
    const before = writeGreeting(fields);
    const payload = Buffer.from(before);
    const greeting = readAndMaskGreeting(payload);
    expect(greeting).toMatchObject({
      serverVersion: '8.4.5',
      connectionId: 0xfffffff0,
      statusFlags: 2,
      isMariadb: false,
      serverHasTls: true,
    });
    const cleared = CAPABILITY.COMPRESS | CAPABILITY.SSL | CAPABILITY.ZSTD_COMPRESSION;
    const read = readGreetingPacket(payload);
    expect(read.capabilityFlags >>> 0).toBe((ALL_BASE & ~cleared) >>> 0);
    expect(greeting?.capabilities.base).toBe(read.capabilityFlags >>> 0);
    const changed = [...payload].flatMap((byte, at) => (byte === before[at] ? [] : [at]));
    const lowerAt = '8.4.5'.length + 2 + 13;
    expect(changed).toEqual([lowerAt, lowerAt + 1, lowerAt + 6]);
  });

  it("keeps of MariaDB's own bits those that the relay follows", () => {
    const payload = mariadbGreeting(0xffff_ffff);
    const greeting = readAndMaskGreeting(payload);
    expect(greeting?.isMariadb).toBe(true);
    const kept = MARIADB_CAPABILITY.PROGRESS | MARIADB_CAPABILITY.STMT_BULK_OPERATIONS | 0x38;
    expect(greeting?.capabilities.mariadb).toBe(kept);
    expect(readGreetingPacket(payload).mariadbExtendedCapabilityFlags).toBe(kept);
  });

  it("takes MySQL's reserved bytes for what they are", () => {
    const payload = oldGreeting(0xf7ff, 0x81ff);
    const before = Buffer.from(payload);
    expect(readAndMaskGreeting(payload)).toMatchObject({ isMariadb: false, capabilities: { mariadb: 0 } });
    expect(payload.length).toBe(before.length);
  });

  it('of an old server may end behind the lower capabilities', () => {
    const greeting = readAndMaskGreeting(oldGreeting(0xa20f | CAPABILITY.COMPRESS, null));
    expect(greeting).toEqual({
      serverVersion: '5.5.62-log',
      connectionId: 7,
      capabilities: { base: 0xa20f, mariadb: 0 },
      statusFlags: 0,
      isMariadb: false,
      serverHasTls: false,
    });
  });

  it('is no ERR packet, no older protocol, and not cut short', () => {
    expect(readAndMaskGreeting(err(1040, 'Too many connections', null))).toBeNull();
    expect(
      readAndMaskGreeting(Buffer.from('\x095.0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0', 'latin1')),
    ).toBeNull();
    expect(readAndMaskGreeting(Buffer.alloc(0))).toBeNull();
    const whole = oldGreeting(0xa20f, null);
    for (let length = 0; length < whole.length; length += 1) {
      expect(readAndMaskGreeting(Buffer.from(whole.subarray(0, length))), `${length} bytes`).toBeNull();
    }
  });
});

describe('the answer to the greeting', () => {
  it.each([
    ['plain', {}],
    ['without a database', { flags: FIELDS.flags & ~CAPABILITY.CONNECT_WITH_DB }],
    ['with a length-encoded token', { flags: FIELDS.flags | CAPABILITY.PLUGIN_AUTH_LENENC_DATA }],
    [
      'with attributes',
      { flags: FIELDS.flags | CAPABILITY.CONNECT_ATTRS, attributes: { a: 'b'.repeat(400) } },
    ],
    ['without a password', { password: '' }],
    ['with a zero-ended token', { flags: FIELDS.flags & ~CAPABILITY.SECURE_CONNECTION, password: '' }],
    ['without a plugin', { flags: FIELDS.flags & ~CAPABILITY.PLUGIN_AUTH }],
    ['of MariaDB', { flags: FIELDS.flags & ~1, mariadbExtendedClientFlags: 0x1c }],
    ['of MySQL with bytes where MariaDB has its bits', { mariadbExtendedClientFlags: 0xff }],
  ] as const)('%s, as mysql2 writes it', (_name, more) => {
    const fields: LoginFields = { ...FIELDS, ...more };
    const hasDatabase = (fields.flags & CAPABILITY.CONNECT_WITH_DB) !== 0;
    expect(readHandshakeResponse(writeResponse(fields))).toEqual({
      capabilities: { base: fields.flags >>> 0, mariadb: (fields.flags & 1) === 0 ? 0x1c : 0 },
      collation: 45,
      database: hasDatabase ? FIELDS.database : null,
      plugin: (fields.flags & CAPABILITY.PLUGIN_AUTH) === 0 ? null : 'mysql_native_password',
      answer: expect.objectContaining({ length: fields.password === '' ? 0 : 20 }),
      wantsTls: false,
    });
  });

  it('may leave out the NUL of its last field', () => {
    const fields = { ...FIELDS, flags: FIELDS.flags & ~CAPABILITY.PLUGIN_AUTH };
    const payload = writeResponse(fields);
    expect(payload.at(-1)).toBe(0);
    expect(readHandshakeResponse(payload.subarray(0, -1))?.database).toBe(FIELDS.database);
  });

  it('is a request for TLS where it ends behind the fixed part', () => {
    const request = Buffer.alloc(32);
    request.writeUInt32LE(CAPABILITY.PROTOCOL_41 | CAPABILITY.SSL | 1, 0);
    expect(readHandshakeResponse(request)).toMatchObject({ wantsTls: true, database: null });
  });

  it('is refused where it is cut short, or older than protocol 4.1', () => {
    const payload = writeResponse(FIELDS);
    for (let length = 0; length < 32 + Buffer.byteLength(FIELDS.user) + 1 + 21; length += 1) {
      expect(readHandshakeResponse(payload.subarray(0, length)), `${length} bytes`).toBeNull();
    }
    const old = Buffer.from(payload);
    old.writeUInt32LE(FIELDS.flags & ~CAPABILITY.PROTOCOL_41, 0);
    expect(readHandshakeResponse(old)).toBeNull();
  });
});

describe('COM_CHANGE_USER', () => {
  it('names a database and a collation, as mysql2 writes it', () => {
    for (const password of ['', 'secret']) {
      const payload = writeChangeUser({ ...FIELDS, password });
      expect(readChangeUser(payload)).toEqual({
        database: FIELDS.database,
        collation: 45,
        plugin: 'mysql_native_password',
        answer: expect.objectContaining({ length: password === '' ? 0 : 20 }),
      });
      expect(readChangeUser(writeChangeUser({ ...FIELDS, password, database: '' }))?.database).toBeNull();
    }
  });

  it('may end behind the database, and is malformed before its end', () => {
    const payload = Buffer.from('\x11user\0\x02abdb\0');
    expect(readChangeUser(payload)).toMatchObject({ database: 'db', collation: null, plugin: null });
    for (let length = 1; length < payload.length; length += 1) {
      expect(readChangeUser(payload.subarray(0, length)), `${length} bytes`).toBeNull();
    }
  });
});

describe('a login', () => {
  const packet = (payload: Buffer, sequence: number) => ({
    sequence,
    payload,
    bytes: Buffer.concat([int(3, payload.length), Buffer.of(sequence), payload]),
  });
  const greeting = () =>
    writeGreeting({ serverVersion: '8.4.5', capabilityFlags: ALL_BASE, connectionId: 7, statusFlags: 2 });
  const answered = (more: Partial<LoginFields> = {}): Login => {
    const login = new Login();
    expect(login.fromServer(packet(greeting(), 0))).toEqual({ step: 'go_on' });
    expect(login.fromClient(packet(writeResponse({ ...FIELDS, ...more }), 1))).toEqual({ step: 'go_on' });
    return login;
  };

  it('agrees on what both sides have', () => {
    const flags = FIELDS.flags | CAPABILITY.DEPRECATE_EOF | CAPABILITY.SSL;
    const step = answered({ flags }).fromServer(packet(ok({ status: 0x4002 }), 2));
    expect(step).toMatchObject({
      step: 'done',
      agreement: {
        capabilities: { base: (flags & ~CAPABILITY.SSL) >>> 0, mariadb: 0 },
        collation: 45,
        database: FIELDS.database,
        status: 0x4002,
      },
    });
  });

  it.each([
    ['an old switch of the method', [Buffer.of(0xfe), Buffer.from('12345678\0')]],
    [
      'a switch of the plugin',
      [Buffer.from('\xfeclient_ed25519\0scramble', 'latin1'), Buffer.alloc(64, 0xff)],
    ],
    [
      'the full exchange of caching_sha2_password',
      [Buffer.of(1, 4), Buffer.of(2), Buffer.from('\x01-----BEGIN'), Buffer.alloc(256)],
    ],
    [
      'more factors',
      [
        Buffer.from('\x02mysql_native_password\0scramble'),
        Buffer.alloc(20),
        Buffer.of(2, 0x61, 0),
        Buffer.alloc(0),
      ],
    ],
  ])('goes on through %s', (_name, payloads) => {
    const login = answered();
    payloads.forEach((payload, index) => {
      const sent = packet(payload, index + 2);
      expect(index % 2 === 0 ? login.fromServer(sent) : login.fromClient(sent)).toEqual({ step: 'go_on' });
    });
    expect(login.fromServer(packet(ok(), payloads.length + 2)).step).toBe('done');
  });

  it('goes on through a fast success, where the server speaks twice', () => {
    const login = answered();
    expect(login.fromServer(packet(Buffer.of(1, 3), 2))).toEqual({ step: 'go_on' });
    expect(login.fromServer(packet(ok(), 3)).step).toBe('done');
  });

  it('is refused by an ERR, at any time and of any number', () => {
    expect(new Login().fromServer(packet(err(1040, 'Too many connections', null), 0))).toEqual({
      step: 'refused',
      errno: 1040,
    });
    for (const sequence of [0, 2, 9]) {
      expect(answered().fromServer(packet(err(1045), sequence))).toEqual({ step: 'refused', errno: 1045 });
    }
  });

  it('breaks where a packet comes out of turn', () => {
    expect(new Login().fromClient(packet(writeResponse(FIELDS), 1)).step).toBe('broken');
    expect(new Login().fromServer(packet(greeting(), 1)).step).toBe('broken');
    const twice = new Login();
    twice.fromServer(packet(greeting(), 0));
    expect(twice.fromServer(packet(ok(), 1)).step).toBe('broken');
    const early = new Login();
    early.fromServer(packet(greeting(), 0));
    expect(early.fromClient(packet(writeResponse(FIELDS), 2)).step).toBe('broken');
    expect(answered().fromServer(packet(ok(), 3)).step).toBe('broken');
    expect(answered().fromClient(packet(Buffer.alloc(0), 1)).step).toBe('broken');
  });

  it('can not be followed into TLS or compression that was not offered', () => {
    const login = new Login();
    login.fromServer(packet(greeting(), 0));
    const request = Buffer.alloc(32);
    request.writeUInt32LE(CAPABILITY.PROTOCOL_41 | CAPABILITY.SSL, 0);
    expect(login.fromClient(packet(request, 1))).toEqual({ step: 'unreadable', reason: 'tls' });
    for (const bit of [CAPABILITY.COMPRESS, CAPABILITY.ZSTD_COMPRESSION]) {
      const compressed = answered({ flags: FIELDS.flags | bit });
      expect(compressed.fromServer(packet(ok(), 2))).toEqual({ step: 'unreadable', reason: 'compression' });
    }
  });

  it('knows the number and the form of an error of ours', () => {
    const login = new Login();
    expect([login.errorSequence, login.clientSpeaks41]).toEqual([0, false]);
    login.fromServer(packet(greeting(), 0));
    expect([login.errorSequence, login.clientSpeaks41]).toEqual([2, false]);
    login.fromClient(packet(writeResponse(FIELDS), 1));
    expect([login.errorSequence, login.clientSpeaks41]).toEqual([2, true]);
    login.fromServer(packet(Buffer.from('\xfeplugin\0x', 'latin1'), 2));
    expect(login.errorSequence).toBe(4);
  });
});
