/**
 * Faults that no single field shows. They are looked for in a file that has other faults too, so that a
 * person sees all of them at once: whatever is read here may therefore be missing or of any type.
 */

import { ALL_SHARDS } from '../base/incident-reasons.ts';
import { isWithin, parseNetwork } from '../base/ip-network.ts';

export interface CrossFault {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** `config` is the file's content with defaults filled in wherever its fields are valid. */
export function findCrossFaults(config: unknown): CrossFault[] {
  const listed = field(config, 'shards');
  const shards: readonly unknown[] = Array.isArray(listed) ? listed : [];
  return [
    ...duplicates(shards, 'name'),
    ...duplicates(shards, 'port'),
    ...emptyTables(field(config, 'tables')),
    ...foreignOverrides(field(config, 'mirror', 'shards'), shards),
    ...backoffOrder(field(config, 'breaker')),
    ...certificatePair(config, 'etcd'),
    ...certificatePair(config, 'oldTls'),
    ...certificatePair(config, 'newTls'),
    ...uselessAuthority(config, 'oldTls'),
    ...uselessAuthority(config, 'newTls'),
    ...foreignThresholds(field(config, 'incidents', 'thresholds'), shards),
    ...openAdmin(field(config, 'admin')),
  ];
}

function duplicates(shards: readonly unknown[], name: 'name' | 'port'): CrossFault[] {
  const firsts = new Map<unknown, number>();
  const faults: CrossFault[] = [];
  shards.forEach((shard, index) => {
    const value = field(shard, name);
    if (typeof value !== 'string' && typeof value !== 'number') return;
    const first = firsts.get(value);
    if (first === undefined) firsts.set(value, index);
    else {
      faults.push({
        path: ['shards', index, name],
        message: `"${value}" is already taken by shards[${first}]`,
      });
    }
  });
  return faults;
}

function emptyTables(tables: unknown): CrossFault[] {
  if (!isObject(tables) || Object.keys(tables).length > 0) return [];
  return [{ path: ['tables'], message: 'names no table; write "*" for every table' }];
}

/** A shard whose own name is broken may be the one that is meant, so then nothing is said. */
function foreignOverrides(overrides: unknown, shards: readonly unknown[]): CrossFault[] {
  const names = shards.map((shard) => field(shard, 'name'));
  if (!isObject(overrides) || names.length === 0) return [];
  if (names.some((name) => typeof name !== 'string')) return [];
  return Object.keys(overrides)
    .filter((name) => !names.includes(name))
    .map((name) => ({ path: ['mirror', 'shards', name], message: 'is no shard of this file' }));
}

function foreignThresholds(thresholds: unknown, shards: readonly unknown[]): CrossFault[] {
  const names = shards.map((shard) => field(shard, 'name'));
  if (!Array.isArray(thresholds) || names.length === 0) return [];
  if (names.some((name) => typeof name !== 'string')) return [];
  return thresholds.flatMap((threshold, index) => {
    const shard = field(threshold, 'shard');
    if (shard === undefined || shard === ALL_SHARDS || names.includes(shard)) return [];
    return [{ path: ['incidents', 'thresholds', index, 'shard'], message: 'is no shard of this file' }];
  });
}

function backoffOrder(breaker: unknown): CrossFault[] {
  const min = field(breaker, 'backoffMinMs');
  const max = field(breaker, 'backoffMaxMs');
  if (typeof min !== 'number' || typeof max !== 'number' || min <= max) return [];
  return [{ path: ['breaker', 'backoffMinMs'], message: 'is above backoffMaxMs' }];
}

function certificatePair(config: unknown, section: string): CrossFault[] {
  const value = field(config, section);
  if ((field(value, 'certificate') === undefined) === (field(value, 'key') === undefined)) return [];
  return [{ path: [section, 'certificate'], message: 'certificate and key go together' }];
}

/** Who names an authority wants it to be asked. */
function uselessAuthority(config: unknown, section: string): CrossFault[] {
  const value = field(config, section);
  if (field(value, 'verify') !== false) return [];
  return ['ca', 'serverName']
    .filter((name) => field(value, name) !== undefined)
    .map((name) => ({
      path: [section, name],
      message: 'is never looked at with "verify": false; leave out one of the two',
    }));
}

const LOOPBACK = ['127.0.0.0/8', '::1'].map(parseNetwork).filter((network) => network !== null);

/** Whoever reaches the port sees statements, tables and addresses: on other machines, only with the token. */
function openAdmin(admin: unknown): CrossFault[] {
  const host = field(admin, 'host');
  if (typeof host !== 'string' || host === 'localhost' || isWithin(LOOPBACK, host)) return [];
  if (field(admin, 'token') !== undefined) return [];
  const message = `is needed where admin.host ("${host}") is not loopback: write a text of 16 characters or more, {"env": "NAME"} or {"file": "PATH"}`;
  return [{ path: ['admin', 'token'], message }];
}

function field(value: unknown, ...path: readonly string[]): unknown {
  let at = value;
  for (const name of path) at = isObject(at) ? at[name] : undefined;
  return at;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
