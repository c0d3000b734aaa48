import { describe, expect, it } from 'vitest';
import { UsageError } from '../../src/base/errors.ts';
import type { Log } from '../../src/base/log.ts';
import { openFilesMaxIn } from '../../src/base/open-files.ts';
import { ClientRoom, FILES_A_CLIENT, filesOfItsOwn } from '../../src/proxy/client-room.ts';

const LANES = 4;

function roomFor(clients: number, options: { shards?: number; clientsMax?: number } = {}) {
  const { shards = 2, clientsMax = 1000 } = options;
  const warnings: { fields: Record<string, unknown>; text: string }[] = [];
  const log = {
    warn: (fields: Record<string, unknown>, text: string) => warnings.push({ fields, text }),
  } as unknown as Log;
  const clock = { ms: 0 };
  const room = new ClientRoom({
    filesMax: clients === Infinity ? Infinity : filesOfItsOwn(shards, LANES) + FILES_A_CLIENT * clients,
    shards,
    clientsMax,
    lanes: LANES,
    log,
    now: () => clock.ms,
  });
  const sizes = Array.from({ length: shards }, () => 0);
  const places = sizes.map((_size, shard) => room.share(() => sizes[shard]!));
  /** Fills a shard until it is refused; how many it has then. */
  const fill = (shard: number): number => {
    while (sizes[shard]! < clientsMax && places[shard]!.fits(sizes[shard]!)) sizes[shard]! += 1;
    return sizes[shard]!;
  };
  return { room, sizes, places, fill, warnings, clock };
}

describe('room for clients', () => {
  it('is never passed, whichever shard comes first', () => {
    for (const order of [
      [0, 1, 2],
      [2, 0, 1],
    ]) {
      const { fill, sizes } = roomFor(31, { shards: 3 });
      for (const shard of order) fill(shard);
      expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(31);
    }
  });

  it('keeps half of an even share for each shard, and gives the rest to whoever comes first', () => {
    const { fill } = roomFor(40, { shards: 2 });
    expect(fill(0)).toBe(30);
    expect(fill(1)).toBe(10);
  });

  it('is given back', () => {
    const { fill, sizes } = roomFor(40, { shards: 2 });
    fill(0);
    sizes[0] = 0;
    expect(fill(1)).toBe(30);
  });

  it('has no say where maxConnections asks for less, or nothing limits it', () => {
    for (const clients of [20, Infinity]) {
      const { room, fill, warnings } = roomFor(clients, { shards: 2, clientsMax: 10 });
      expect([fill(0), fill(1)]).toEqual([10, 10]);
      room.warn();
      expect(warnings).toEqual([]);
    }
  });

  it('warns at the start where maxConnections can’t be reached, with the limit that it takes', () => {
    const { room, warnings } = roomFor(40, { shards: 2, clientsMax: 1000 });
    room.warn();
    expect(warnings).toHaveLength(1);
    expect(warnings[0]!.fields).toMatchObject({ clientsMax: 40, wanted: 2000 });
    const needed = filesOfItsOwn(2, LANES) + FILES_A_CLIENT * 2000;
    expect(warnings[0]!.text).toContain(`set it to ${needed} or more (LimitNOFILE=`);
  });

  it('tells of refusals at most once a minute, and how many there were', () => {
    const { places, warnings, clock } = roomFor(40);
    for (let left = 5; left > 0; left -= 1) places[0]!.refused();
    clock.ms = 60_000;
    places[1]!.refused();
    expect(warnings.map(({ fields }) => fields.refused)).toEqual([1, 5]);
  });

  it('refuses to begin where not one client of each shard fits', () => {
    expect(() => roomFor(1, { shards: 2 })).toThrow(UsageError);
    expect(() => roomFor(2, { shards: 2 })).not.toThrow();
  });
});

describe('the limit of open files', () => {
  const limits = (soft: string): string =>
    `Limit                     Soft Limit           Hard Limit           Units     \nMax processes             100                  100                  processes \nMax open files            ${soft.padEnd(20)} 1048576              files     \n`;

  it('is the soft one', () => {
    expect(openFilesMaxIn(limits('1024'))).toBe(1024);
  });

  it('may be none, or unknown', () => {
    expect(openFilesMaxIn(limits('unlimited'))).toBe(Infinity);
    expect(openFilesMaxIn('nothing of the kind')).toBe(Infinity);
  });
});
