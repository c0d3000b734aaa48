/** Picks the source of the live settings: etcd where it is configured, else the file. */
import type { Control, ControlOptions } from './control.ts';
import { EtcdControl } from './etcd-control.ts';
import { checkEtcdSettings } from './etcd-settings.ts';
import { FileControl } from './file-control.ts';

/** Throws UsageError when the etcd settings can't work together (see `checkEtcdSettings`). */
export function createControl(options: ControlOptions): Control {
  const { etcd } = options.config;
  if (etcd === undefined) return new FileControl(options);
  checkEtcdSettings(etcd);
  return new EtcdControl(options, etcd);
}
