/** What the schema can't see: whether the settings of etcd go together. */
import { UsageError } from '../base/errors.ts';
import type { EtcdSettings } from '../config/load.ts';

/** Throws UsageError for settings that contradict each other, one fault a line. */
export function checkEtcdSettings(settings: EtcdSettings): void {
  const secure = settings.hosts.filter((host) => host.startsWith('https:')).length;
  const faults: string[] = [];
  if (secure > 0 && secure < settings.hosts.length)
    faults.push('etcd.hosts: mixes http and https; use one of them');
  if (
    secure === 0 &&
    [settings.ca, settings.certificate, settings.serverName].some((part) => part !== undefined)
  ) {
    faults.push('etcd.hosts: TLS is configured, so write the hosts as https://');
  }
  if (settings.password !== undefined && settings.user === undefined) {
    faults.push('etcd.user: is missing, but etcd.password is there');
  }
  if (faults.length > 0) throw new UsageError(faults.join('\n'));
}
