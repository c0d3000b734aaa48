/** ProxySQL, where the machine has it: it is in no Debian archive. */
import { runCommand } from '../test/harness/cli.ts';
import { freePort } from '../test/harness/ports.ts';
import { type Peer, startPeer } from './peer.ts';

/** One worker thread, and its defaults for all else: multiplexing is on, so that sessions share backends. */
export function proxysqlConfig(
  port: number | string,
  oldPort: number | string,
  own: { readonly folder: string; readonly adminPort: number | string },
): string {
  return `datadir="${own.folder}"
admin_variables = { mysql_ifaces="127.0.0.1:${own.adminPort}" }
mysql_variables = {
  threads=1
  interfaces="127.0.0.1:${port}"
  monitor_enabled=false
}
mysql_servers = ( { address="127.0.0.1", port=${oldPort}, hostgroup=0, max_connections=1000 } )
mysql_users = ( { username="root", password="", default_hostgroup=0 } )
`;
}

export function startProxysql(oldPort: number): Promise<Peer> {
  return startPeer('proxysql', async ({ port, folder, writeFile }) => {
    const text = proxysqlConfig(port, oldPort, { folder, adminPort: await freePort() });
    const file = writeFile('proxysql.cnf', text);
    return { command: 'proxysql', args: ['--foreground', '--initial', '-c', file, '-D', folder] };
  });
}

/** Null: it is not on this machine. */
export async function proxysqlVersion(): Promise<string | null> {
  try {
    const { stdout, stderr } = await runCommand('proxysql', ['--version']);
    return /version v?(\d+\.\d+\.\d+)/.exec(stdout + stderr)?.[1] ?? null;
  } catch {
    return null;
  }
}
