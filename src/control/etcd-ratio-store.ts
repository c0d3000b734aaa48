/** The ratios in etcd, as the commands read and change them. */
import type { Config, EtcdSettings } from '../config/load.ts';
import { RATIO_KINDS } from '../config/ratios.ts';
import { proxiesPrefix, ratioKey } from './control-keys.ts';
import { checkEtcdSettings } from './etcd-client.ts';
import { EtcdLink } from './etcd-link.ts';
import { type ProxyRecord, parseProxyRecord } from './proxy-record.ts';
import { EMPTY_LEDGER, foldRead, type KeyValue } from './ratio-ledger.ts';
import type { RatioChange, RatioState, RatioStore } from './ratio-store.ts';
import { baseRatios, fileLayer, resolveRatios } from './snapshot.ts';

export class EtcdRatioStore implements RatioStore {
  private readonly config: Config;
  private readonly etcd: EtcdSettings;
  private readonly link: EtcdLink;

  /** Throws UsageError when the settings can't work together. */
  constructor(config: Config, etcd: EtcdSettings) {
    checkEtcdSettings(etcd);
    this.config = config;
    this.etcd = etcd;
    this.link = new EtcdLink(etcd);
  }

  async read(): Promise<RatioState> {
    const { prefix, hosts } = this.etcd;
    const { revision, keys } = await this.link.use((client) => client.read(prefix));
    const shards = this.config.shards.map((shard) => shard.name);
    const folded = foldRead(EMPTY_LEDGER, keys, { prefix, shards });
    const layers = [folded.ledger.layer, fileLayer(this.config.mirror)];
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
      Buffer.from(ratioKey(this.etcd.prefix, kind, change.shard));
    const puts = RATIO_KINDS.flatMap((kind) => {
      const value = change.set[kind];
      return value === undefined
        ? []
        : [{ request_put: { key: key(kind), value: Buffer.from(String(value)) } }];
    });
    const deletes = change.unset.map((kind) => ({ request_delete_range: { key: key(kind) } }));
    const reply = await this.link.use((client) => client.etcd.kv.txn({ success: [...puts, ...deletes] }));
    return Number(reply.header.revision);
  }

  close(): void {
    this.link.close();
  }
}

function registeredProxies(keys: readonly KeyValue[], prefix: string): ProxyRecord[] {
  const from = proxiesPrefix(prefix);
  return keys.flatMap(({ key, value }) => (key.startsWith(from) ? (parseProxyRecord(value) ?? []) : []));
}
