/** Picks the place of the ratios: etcd where it is configured, else the file. */
import type { Config } from '../config/load.ts';
import { EtcdRatioStore } from './etcd-ratio-store.ts';
import { FileRatioStore } from './file-ratio-store.ts';
import type { RatioStore } from './ratio-store.ts';

/** Throws UsageError when the etcd settings can't work together. */
export function openRatioStore(config: Config): RatioStore {
  return config.etcd === undefined ? new FileRatioStore(config) : new EtcdRatioStore(config, config.etcd);
}
