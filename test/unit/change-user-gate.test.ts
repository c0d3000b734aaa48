/** COM_CHANGE_USER on a session with TLS on one side: what passes, what is held, what is refused. */
import { beforeEach, describe, expect, it } from 'vitest';
import { ChangeUserGate } from '../../src/proxy/change-user-gate.ts';
import type { ClientData } from '../../src/wire/command-reader.ts';
import type { MixedLegs } from '../../src/wire/mixed-authentication.ts';
import { writeChangeUser } from '../harness/library-commands.ts';
import { int, ok, packets } from '../harness/packet-writer.ts';

const FIELDS = { flags: 0x000f_a28d, user: 'u', password: 'pw', database: 'd', charsetNumber: 45 };
const CHANGE = packets(writeChangeUser(FIELDS));
const QUERY = packets(Buffer.from('\x03SELECT 1'));

function switchTo(plugin: string): Buffer {
  return packets(Buffer.from(`\xfe${plugin}\0scramble`, 'latin1'), 1);
}

/** A gate, and what the session around it would know and do. */
class Rig {
  clientData: ClientData = 'none';
  busy = false;
  readonly toServer: Buffer[] = [];
  readonly toClient: Buffer[] = [];
  readonly refusals: [string, number][] = [];
  readonly gate: ChangeUserGate;

  constructor(legs: MixedLegs) {
    this.gate = new ChangeUserGate(legs, FIELDS.flags, {
      clientData: () => this.clientData,
      busy: () => this.busy,
      toServer: (bytes) => {
        this.toServer.push(Buffer.from(bytes));
        if (bytes.equals(CHANGE)) this.clientData = 'authentication';
      },
      toClient: (bytes) => {
        this.toClient.push(Buffer.from(bytes));
        if (bytes[4] === 0) this.clientData = 'none';
      },
      refuse: (what, sequence) => this.refusals.push([what, sequence]),
    });
  }

  get sent(): Buffer {
    return Buffer.concat(this.toServer);
  }

  get answered(): Buffer {
    return Buffer.concat(this.toClient);
  }
}

let rig: Rig;
beforeEach(() => {
  rig = new Rig('client_tls');
});

describe('what passes', () => {
  it('every byte of commands, files and long payloads, however they are cut', () => {
    const full = Buffer.concat([int(3, 0xff_ffff), Buffer.of(0), Buffer.alloc(0xff_ffff, 3)]);
    const rest = packets(Buffer.from('\x11 and so on'), 1);
    const all = Buffer.concat([QUERY, full, rest, packets(Buffer.alloc(0)), QUERY]);
    for (const size of [1 << 16, (1 << 16) - 3]) {
      const one = new Rig('client_tls');
      for (let at = 0; at < all.length; at += size) one.gate.fromClient(all.subarray(at, at + size));
      expect(one.sent.equals(all)).toBe(true);
      expect(one.refusals).toEqual([]);
    }
  });

  it('a line of a file that looks like a COM_CHANGE_USER', () => {
    rig.clientData = 'infile';
    const line = packets(Buffer.from('\x11no user here'), 0);
    rig.gate.fromClient(line);
    expect(rig.sent).toEqual(line);
  });

  it('a change of the user, at every place where it may be cut, up to OK', () => {
    const proof = packets(Buffer.alloc(64, 1), 2);
    for (let cut = 1; cut < CHANGE.length; cut += 1) {
      const one = new Rig('client_tls');
      const chunk = Buffer.from(CHANGE.subarray(0, cut));
      one.gate.fromClient(chunk);
      // The bytes hold good for that call alone.
      chunk.fill(0xee);
      expect(one.toServer, `cut at ${cut}`).toEqual([]);
      one.gate.fromClient(CHANGE.subarray(cut));
      expect(one.toServer).toEqual([CHANGE]);
      one.gate.fromServer(switchTo('client_ed25519'));
      one.gate.fromClient(proof);
      one.gate.fromServer(Buffer.concat([packets(ok(), 3), Buffer.from('what follows')]));
      expect(one.sent).toEqual(Buffer.concat([CHANGE, proof]));
      expect(one.answered.subarray(-12).toString()).toBe('what follows');
    }
  });
});

describe('what waits', () => {
  it('a change of the user, for the replies before it', () => {
    rig.busy = true;
    rig.gate.fromClient(Buffer.concat([QUERY, CHANGE, QUERY]));
    expect(rig.sent).toEqual(QUERY);
    expect(rig.gate.waiting).toBe(true);
    rig.busy = false;
    rig.gate.settle();
    expect(rig.sent).toEqual(Buffer.concat([QUERY, CHANGE, QUERY]));
    expect(rig.gate.waiting).toBe(false);
  });
});

describe('what is refused', () => {
  it('a password that is shown in the command itself', () => {
    const shown = CHANGE.toString('latin1').replace('mysql_native_password', 'mysql_clear_password\0');
    rig.gate.fromClient(Buffer.from(shown, 'latin1'));
    expect(rig.refusals).toEqual([['mysql_clear_password', 1]]);
    expect(rig.sent).toHaveLength(0);
  });

  it('a password that is shown after a switch, and everything behind it', () => {
    rig.gate.fromClient(CHANGE);
    rig.gate.fromServer(switchTo('dialog'));
    rig.gate.fromClient(Buffer.concat([packets(Buffer.from('secret\0'), 2), QUERY]));
    expect(rig.refusals).toEqual([['dialog', 3]]);
    expect(rig.sent).toEqual(CHANGE);
  });

  it.each(['client_tls', 'old_tls'] as const)('the full exchange of caching_sha2_password: %s', (legs) => {
    const one = new Rig(legs);
    one.gate.fromClient(CHANGE);
    one.gate.fromServer(switchTo('caching_sha2_password'));
    one.gate.fromClient(packets(Buffer.alloc(32, 1), 2));
    const before = one.answered.length;
    one.gate.fromServer(packets(Buffer.of(1, 4), 3));
    expect(one.refusals).toEqual([['caching_sha2_password', 3]]);
    expect(one.answered).toHaveLength(before);
  });

  it('any change of the user once the session can’t be followed', () => {
    rig.gate.goBlind();
    rig.gate.fromClient(Buffer.concat([QUERY, CHANGE]));
    expect(rig.refusals).toHaveLength(1);
    expect(rig.sent).toEqual(QUERY);
  });

  it('nothing where TLS is on the other side and the session can’t be followed: the gate is gone', () => {
    const one = new Rig('old_tls');
    one.gate.fromClient(CHANGE.subarray(0, 9));
    expect(one.gate.release()).toEqual(CHANGE.subarray(0, 9));
  });
});
