/** MySQL Router, from the root that scripts/mysql-root.mjs makes. It follows the protocol, as Understudy does. */
import { join } from 'node:path';
import { runCommand } from '../test/harness/cli.ts';
import { mysqlProgram, mysqlRoot, type Program } from '../test/harness/mysql-root.ts';
import { type Peer, startPeer } from './peer.ts';

const PLUGINS = ['usr', 'lib', 'mysqlrouter', 'plugin'];

/** One thread moves the bytes, as in every process that is measured; its default is one a core. */
export function routerConfig(
  port: number | string,
  oldPort: number | string,
  folders: { readonly plugins: string; readonly own: string },
): string {
  return `[DEFAULT]
logging_folder=
plugin_folder=${folders.plugins}
runtime_folder=${folders.own}
data_folder=${folders.own}
[logger]
level=WARNING
[io]
threads=1
[routing:old]
bind_address=127.0.0.1
bind_port=${port}
destinations=127.0.0.1:${oldPort}
routing_strategy=first-available
protocol=classic
client_ssl_mode=DISABLED
server_ssl_mode=DISABLED
connection_sharing=0
`;
}

export function startRouter(oldPort: number): Promise<Peer> {
  return startPeer('mysqlrouter', ({ port, folder, writeFile }) => {
    const { command, args } = routerProgram();
    const folders = { plugins: join(mysqlRoot(), ...PLUGINS), own: folder };
    const file = writeFile('mysqlrouter.conf', routerConfig(port, oldPort, folders));
    return { command, args: [...args, '--config', file] };
  });
}

/** Null: there is no root on this machine. */
export async function routerVersion(): Promise<string | null> {
  if (!hasRoot()) return null;
  const { command, args } = routerProgram();
  const { stdout } = await runCommand(command, [...args, '--version']);
  return /Ver (\d+\.\d+\.\d+)/.exec(stdout)?.[1] ?? null;
}

function routerProgram(): Program {
  return mysqlProgram('usr/bin/mysqlrouter', ['usr/lib/mysql-router']);
}

function hasRoot(): boolean {
  try {
    return mysqlRoot() !== '';
  } catch {
    return false;
  }
}
