/** Logins with TLS on one side or both: what goes on, under which number, and what is stopped. */
import { describe, expect, it } from 'vitest';
import { CAPABILITY } from '../../src/wire/capabilities.ts';
import type { LoginStep, LoginTls } from '../../src/wire/login.ts';
import { LoginPhase } from '../../src/wire/login-phase.ts';
import { MixedAuthentication } from '../../src/wire/mixed-authentication.ts';
import { type LoginFields, writeGreeting, writeResponse } from '../harness/library-commands.ts';
import { readGreetingPacket } from '../harness/library-packets.ts';
import { err, ok, packets } from '../harness/packet-writer.ts';

const FLAGS = 0x000f_a28d;
const FIELDS: LoginFields = {
  flags: FLAGS,
  user: 'app',
  password: 'secret',
  database: 'd',
  charsetNumber: 45,
};
const LEGS = {
  'TLS on neither side': [false, false],
  'TLS to the client alone': [true, false],
  'TLS to the server alone': [false, true],
  'TLS on both sides': [true, true],
} as const;

function greeting(capabilityFlags = 0xffff_ffff): Buffer {
  return packets(
    writeGreeting({ serverVersion: '9.7.0', capabilityFlags, connectionId: 7, statusFlags: 2 }),
    0,
  );
}

function request(): Buffer {
  const payload = Buffer.alloc(32);
  payload.writeUInt32LE(FLAGS | CAPABILITY.SSL, 0);
  payload[8] = 45;
  return payload;
}

/** A login driven by hand: what it answered, and what went on to either side. */
class Driven {
  readonly phase: LoginPhase;
  readonly toServer: Buffer[] = [];
  readonly toClient: Buffer[] = [];

  constructor(tls: LoginTls) {
    this.phase = new LoginPhase(tls);
  }

  server(bytes: Buffer): LoginStep {
    return this.phase.push('server', bytes, (on) => this.toClient.push(Buffer.from(on)));
  }

  client(bytes: Buffer): LoginStep {
    return this.phase.push('client', bytes, (on) => this.toServer.push(Buffer.from(on)));
  }

  secured(): LoginStep {
    return this.phase.serverSecured((on) => this.toServer.push(Buffer.from(on)));
  }
}

/** Brings a login to where the server has the client's answer; `base` is the client's number of its next packet. */
function answered(
  clientTls: boolean,
  serverTls: boolean,
  more: Partial<LoginFields> & { plugin?: string } = {},
): { login: Driven; base: number; step: LoginStep } {
  const login = new Driven({ client: clientTls ? 'offered' : 'none', server: serverTls });
  expect(login.server(greeting())).toEqual({ step: 'go_on' });
  const offered = readGreetingPacket(login.toClient[0]!.subarray(4)).capabilityFlags & CAPABILITY.SSL;
  expect(offered).toBe(clientTls ? CAPABILITY.SSL : 0);
  if (clientTls) {
    expect(login.client(packets(request(), 1))).toEqual({ step: 'client_tls' });
    expect(login.phase.rest('client')).toHaveLength(0);
  }
  const flags = (more.flags ?? FLAGS) | (clientTls ? CAPABILITY.SSL : 0);
  const { plugin, ...fields } = { ...FIELDS, ...more, flags };
  const payload = writeResponse(fields);
  const named =
    plugin === undefined
      ? payload
      : Buffer.from(payload.toString('latin1').replace('mysql_native_password', plugin), 'latin1');
  const step = login.client(packets(named, clientTls ? 2 : 1));
  return { login, base: clientTls ? 3 : 2, step };
}

describe.each(Object.entries(LEGS))('%s', (_name, [clientTls, serverTls]) => {
  const ahead = (serverTls ? 1 : 0) - (clientTls ? 1 : 0);

  it('numbers every packet as its receiver counts, up to OK', () => {
    const { login, base, step } = answered(clientTls, serverTls);
    const sent = writeResponse({ ...FIELDS, flags: FLAGS | (clientTls ? CAPABILITY.SSL : 0) });
    if (serverTls) {
      const asked = packets(Buffer.from(sent.subarray(0, 32)), 1);
      asked.writeUInt32LE((asked.readUInt32LE(4) | CAPABILITY.SSL) >>> 0, 4);
      expect(step).toEqual({ step: 'server_tls', request: asked });
      expect(login.toServer).toEqual([]);
      expect(login.secured()).toEqual({ step: 'go_on' });
    } else {
      expect(step).toEqual({ step: 'go_on' });
    }
    sent.writeUInt32LE(serverTls ? FLAGS | CAPABILITY.SSL : FLAGS, 0);
    expect(login.toServer).toEqual([packets(sent, base - 1 + ahead)]);

    const exchange: [Buffer, Buffer] = [Buffer.from('\xfeclient_ed25519\0x', 'latin1'), Buffer.alloc(64, 7)];
    expect(login.server(packets(exchange[0], base + ahead))).toEqual({ step: 'go_on' });
    expect(login.phase.errorSequence).toBe(base + 2);
    expect(login.client(packets(exchange[1], base + 1))).toEqual({ step: 'go_on' });
    expect(login.server(packets(ok(), base + 2 + ahead))).toMatchObject({
      step: 'done',
      agreement: {
        capabilities: { base: FLAGS },
        mixed: ahead === 0 ? null : clientTls ? 'client_tls' : 'old_tls',
      },
    });
    expect(login.toClient.slice(1)).toEqual([packets(exchange[0], base), packets(ok(), base + 2)]);
    expect(login.toServer[1]).toEqual(packets(exchange[1], base + 1 + ahead));
  });

  it('numbers an error, and refuses what is out of turn', () => {
    const refused = answered(clientTls, serverTls);
    refused.login.secured();
    expect(refused.login.phase.errorSequence).toBe(refused.base);
    expect(refused.login.phase.clientSpeaks41).toBe(true);
    expect(refused.login.server(packets(err(1045), refused.base + ahead))).toEqual({
      step: 'refused',
      errno: 1045,
    });
    expect(refused.login.toClient.at(-1)).toEqual(packets(err(1045), refused.base));
    const skipped = answered(clientTls, serverTls);
    skipped.login.secured();
    expect(skipped.login.server(packets(ok(), skipped.base + ahead + 1)).step).toBe('broken');
    const early = answered(clientTls, serverTls);
    early.login.secured();
    expect(early.login.client(packets(Buffer.alloc(0), early.base + 1)).step).toBe('broken');
  });

  it.each(['mysql_native_password', 'client_ed25519', 'caching_sha2_password'])(
    'lets the first answer of %s go on',
    (plugin) => {
      expect(answered(clientTls, serverTls, { plugin }).step.step).toBe(serverTls ? 'server_tls' : 'go_on');
    },
  );

  it('stops the full exchange of caching_sha2_password where the two sides differ', () => {
    const { login, base } = answered(clientTls, serverTls, { plugin: 'caching_sha2_password' });
    login.secured();
    const before = login.toClient.length;
    const step = login.server(packets(Buffer.of(1, 4), base + ahead));
    if (ahead === 0) {
      expect(step).toEqual({ step: 'go_on' });
      expect(login.toClient.at(-1)).toEqual(packets(Buffer.of(1, 4), base));
    } else {
      const legs = clientTls ? 'client_tls' : 'old_tls';
      expect(step).toEqual({ step: 'tls_mixed', legs, what: 'caching_sha2_password' });
      expect(login.toClient).toHaveLength(before);
      expect(login.phase.errorSequence).toBe(base);
    }
  });

  it('lets the short exchange of caching_sha2_password go on', () => {
    const { login, base } = answered(clientTls, serverTls, { plugin: 'caching_sha2_password' });
    login.secured();
    expect(login.server(packets(Buffer.of(1, 3), base + ahead))).toEqual({ step: 'go_on' });
    expect(login.server(packets(ok(), base + 1 + ahead)).step).toBe('done');
  });
});

describe('a password that a client shows', () => {
  const SHOWN = ['mysql_clear_password', 'dialog', 'sha256_password', 'a_plugin_of_tomorrow'];

  it.each(SHOWN)('in its first packet does not go on to a plain connection: %s', (plugin) => {
    const { login, base, step } = answered(true, false, { plugin });
    expect(step).toEqual({ step: 'tls_mixed', legs: 'client_tls', what: plugin });
    expect(login.toServer).toEqual([]);
    expect(login.phase.errorSequence).toBe(base);
  });

  it.each(SHOWN)('after a switch does not go on to a plain connection: %s', (plugin) => {
    const { login, base } = answered(true, false);
    login.server(packets(Buffer.from(`\xfe${plugin}\0scramble`, 'latin1'), base - 1));
    const before = login.toServer.length;
    expect(login.client(packets(Buffer.from('secret\0'), base + 1)).step).toBe('tls_mixed');
    expect(login.toServer).toHaveLength(before);
    expect(login.phase.errorSequence).toBe(base + 2);
  });

  it.each([Buffer.alloc(0), Buffer.of(0)])('goes on where there is none', (nothing) => {
    const { login, base } = answered(true, false);
    login.server(packets(Buffer.from('\xfesha256_password\0scramble', 'latin1'), base - 1));
    expect(login.client(packets(nothing, base + 1))).toEqual({ step: 'go_on' });
  });

  it.each(['mysql_clear_password', 'dialog'])('in plain goes on to TLS, as to plain: %s', (plugin) => {
    for (const serverTls of [false, true])
      expect(answered(false, serverTls, { plugin }).step.step).toBe(serverTls ? 'server_tls' : 'go_on');
  });

  it('may not be asked for by a question that looks like a further factor', () => {
    const dialog = new MixedAuthentication('client_tls', 0, 'dialog');
    dialog.fromServer(Buffer.from('\x02mysql_native_password\0'));
    expect(dialog.fromClient(Buffer.from('secret'))).toBe('dialog');
    const factors = CAPABILITY.MULTI_FACTOR_AUTHENTICATION;
    const second = new MixedAuthentication('client_tls', factors, 'mysql_native_password');
    second.fromServer(Buffer.from('\x02mysql_clear_password\0'));
    expect(second.fromClient(Buffer.from('secret'))).toBe('mysql_clear_password');
  });

  it('is not compressed on its way to a plain connection', () => {
    const flags = FLAGS | CAPABILITY.COMPRESS;
    expect(answered(true, false, { flags }).step).toMatchObject({ step: 'tls_mixed', what: 'compression' });
    expect(answered(false, true, { flags }).step.step).toBe('server_tls');
  });
});

it('no client asks a server that has TLS for the key of sha256_password', () => {
  const { login, base } = answered(false, true);
  login.secured();
  const refused = { step: 'tls_mixed', legs: 'old_tls', what: 'sha256_password' };
  const before = login.toClient.length;
  expect(login.server(packets(Buffer.from('\xfesha256_password\0scramble', 'latin1'), base + 1))).toEqual(
    refused,
  );
  expect(login.toClient).toHaveLength(before);
  expect(login.phase.errorSequence).toBe(base);
  expect(answered(false, true, { plugin: 'sha256_password' }).step).toEqual(refused);
});

describe('TLS', () => {
  it('required: who does not ask for it gets no further', () => {
    const login = new Driven({ client: 'required', server: false });
    login.server(greeting());
    expect(login.client(packets(writeResponse(FIELDS), 1))).toEqual({ step: 'tls_required' });
    expect(login.toServer).toEqual([]);
    expect([login.phase.errorSequence, login.phase.clientSpeaks41]).toEqual([2, true]);
  });

  it('asked for unoffered goes through, unread', () => {
    const login = new Driven({ client: 'none', server: true });
    login.server(greeting());
    expect(login.client(packets(request(), 1))).toEqual({ step: 'unreadable', reason: 'tls' });
    expect(login.toServer).toEqual([packets(request(), 1)]);
  });

  it('asked for twice is broken', () => {
    const login = new Driven({ client: 'offered', server: false });
    login.server(greeting());
    login.client(packets(request(), 1));
    expect(login.client(packets(request(), 2)).step).toBe('broken');
  });

  it('leaves the bytes behind the request for TLS unread', () => {
    const login = new Driven({ client: 'offered', server: true });
    login.server(greeting());
    const hello = Buffer.of(0x16, 3, 1, 0, 200);
    expect(login.client(Buffer.concat([packets(request(), 1), hello]))).toEqual({ step: 'client_tls' });
    expect(login.phase.rest('client')).toEqual(hello);
    expect(login.toServer).toEqual([]);
  });

  it('that the server lacks is missed before the client hears a word', () => {
    const login = new Driven({ client: 'none', server: true });
    expect(login.server(greeting((0xffff_ffff & ~CAPABILITY.SSL) >>> 0))).toEqual({ step: 'tls_missing' });
    expect(login.toClient).toEqual([]);
    expect(login.phase.errorSequence).toBe(0);
  });

  it('does not begin behind bytes that somebody put in its way', () => {
    const login = new Driven({ client: 'none', server: true });
    login.server(greeting());
    login.server(Buffer.of(7, 0));
    expect(login.client(packets(writeResponse(FIELDS), 1)).step).toBe('broken');
    expect(login.toServer).toEqual([]);
  });

  it('is awaited in memory of its own, whatever becomes of the bytes as they came', () => {
    const login = new Driven({ client: 'none', server: true });
    login.server(greeting());
    const sent = packets(writeResponse(FIELDS), 1);
    const early = packets(Buffer.from('early'), 2);
    const chunks = [Buffer.concat([sent, early.subarray(0, 3)]), Buffer.from(early.subarray(3))];
    for (const chunk of chunks) {
      login.client(chunk);
      chunk.fill(0xee);
    }
    login.secured();
    expect(login.toServer[0]?.subarray(8)).toEqual(sent.subarray(8));
    expect(login.toServer[1]).toEqual(packets(Buffer.from('early'), 3));
  });

  it('is awaited by whatever else the client sends, up to a bound', () => {
    const { login } = answered(false, true);
    expect(login.client(packets(Buffer.from('early'), 2))).toEqual({ step: 'go_on' });
    expect(login.toServer).toEqual([]);
    expect(login.secured()).toEqual({ step: 'go_on' });
    expect(login.toServer).toHaveLength(2);
    const { login: flooded } = answered(false, true);
    expect(flooded.client(Buffer.alloc((1 << 20) + 1)).step).toBe('broken');
  });
});
