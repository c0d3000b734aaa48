/** The ratios in etcd, as the commands read and change them. */
import type { IRequestOp } from 'etcd3';
import type { Config, EtcdSettings } from '../config/load.ts';
import { RATIO_KINDS } from '../config/ratios.ts';
import { proxiesPrefix, ratioKey } from './control-keys.ts';
import { EtcdLink } from './etcd-link.ts';
import { checkEtcdSettings } from './etcd-settings.ts';
import { type ProxyRecord, parseProxyRecord } from './proxy-record.ts';
import { EMPTY_LEDGER, foldRead, type KeyValue } from './ratio-ledger.ts';
import type { RatioChange, RatioState, RatioStore } from './ratio-store.ts';
import { baseRatios, fileLayer, resolveRatios } from './snapshot.ts';

/**
 * etcd takes 128 operations in a transaction by default (`--max-txn-ops`), and counts for one inside
 * another the sum of both: so many in each carry 1024 shards with three kinds.
 */
const GROUP_OPERATIONS = 64;

export class EtcdRatioStore implements RatioStore {
  readonly #config: Config;
  readonly #etcd: EtcdSettings;
  readonly #link: EtcdLink;

  /** Throws UsageError when the settings can't work together. */
  constructor(config: Config, etcd: EtcdSettings) {
    checkEtcdSettings(etcd);
    this.#config = config;
    this.#etcd = etcd;
    this.#link = new EtcdLink(etcd);
  }

  async read(): Promise<RatioState> {
    const { prefix, hosts } = this.#etcd;
    const { revision, keys } = await this.#link.use(`for the keys under ${prefix}`, (client) =>
      client.read(prefix),
    );
    const shards = this.#config.shards.map((shard) => shard.name);
    const folded = foldRead(EMPTY_LEDGER, keys, { prefix, shards });
    const layers = [folded.ledger.layer, fileLayer(this.#config.mirror)];
    return {
      place: `etcd ${hosts.join(', ')} under ${prefix}`,
      source: 'etcd',
      revision,
      all: baseRatios(layers),
      shards: resolveRatios(shards, layers),
      overrides: folded.ledger.layer.shards,
      refused: folded.rejected,
      proxies: registeredProxies(keys, prefix),
    };
  }

  async change(change: RatioChange): Promise<number> {
    const key = (kind: (typeof RATIO_KINDS)[number]): Buffer =>
      Buffer.from(ratioKey(this.#etcd.prefix, kind, change.shard));
    const puts = RATIO_KINDS.flatMap((kind) => {
      const value = change.set[kind];
      return value === undefined
        ? []
        : [{ request_put: { key: key(kind), value: Buffer.from(String(value)) } }];
    });
    const deletes = change.unset.map((kind) => ({ request_delete_range: { key: key(kind) } }));
    const all = [...puts, ...deletes, ...this.#overrideRemovals(change)];
    const reply = await this.#link.use('to change the ratios', (client) =>
      client.etcd.kv.txn({ success: all }),
    );
    return Number(reply.header.revision);
  }

  /** Not only of the keys that are there: one that appears meanwhile, or holds a refused value, goes too. */
  #overrideRemovals(change: RatioChange): IRequestOp[] {
    if (change.overrides === 'kept') return [];
    const kinds = RATIO_KINDS.filter((kind) => change.set[kind] !== undefined);
    const operations = this.#config.shards.flatMap(({ name }) =>
      kinds.map((kind) => ({
        request_delete_range: { key: Buffer.from(ratioKey(this.#etcd.prefix, kind, name)) },
      })),
    );
    const groups: IRequestOp[] = [];
    for (let start = 0; start < operations.length; start += GROUP_OPERATIONS) {
      groups.push({ request_txn: { success: operations.slice(start, start + GROUP_OPERATIONS) } });
    }
    return groups;
  }

  close(): void {
    this.#link.close();
  }
}

function registeredProxies(keys: readonly KeyValue[], prefix: string): ProxyRecord[] {
  const from = proxiesPrefix(prefix);
  return keys.flatMap(({ key, value }) => (key.startsWith(from) ? (parseProxyRecord(value) ?? []) : []));
}
