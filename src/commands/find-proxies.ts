/** Where the proxies of a service are. */
import { messageOf } from '../base/errors.ts';
import type { Config } from '../config/load.ts';
import type { ProxyAddress } from '../observe/admin-fetch.ts';

/** Proxies asked at one time. */
const ASKED_AT_ONCE = 16;

export interface FoundProxies {
  readonly addresses: readonly ProxyAddress[];
  readonly faults: readonly string[];
}

/** The proxies registered in etcd; where there are none, the one at the configuration's admin address. */
export async function findProxies(config: Config): Promise<FoundProxies> {
  const { host, port } = config.admin;
  const own: ProxyAddress = {
    id: undefined,
    admin: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
  };
  if (config.etcd === undefined) return { addresses: [own], faults: [] };
  // etcd's client is large, and of no use to those who have no etcd.
  const { openRatioStore } = await import('../control/open-ratio-store.ts');
  const store = openRatioStore(config);
  try {
    const { proxies } = await store.read();
    if (proxies.length === 0) return { addresses: [own], faults: [] };
    return { addresses: proxies.map(({ id, admin }) => ({ id, admin })), faults: [] };
  } catch (error) {
    return {
      addresses: [own],
      faults: [`etcd can't be read, so only ${own.admin} was asked: ${messageOf(error)}`],
    };
  } finally {
    store.close();
  }
}

/** Asks all, a few at one time. */
export async function askAll<Answer>(
  addresses: readonly ProxyAddress[],
  ask: (address: ProxyAddress) => Promise<Answer>,
): Promise<Answer[]> {
  const all: Answer[] = [];
  for (let start = 0; start < addresses.length; start += ASKED_AT_ONCE) {
    all.push(...(await Promise.all(addresses.slice(start, start + ASKED_AT_ONCE).map(ask))));
  }
  return all;
}
