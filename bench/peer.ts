/** Another program that stands between client and server, started on a port of its own. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import { freePort } from '../test/harness/ports.ts';
import { type Child, startChild } from '../test/harness/process.ts';
import { temporaryDirectory } from '../test/harness/temp.ts';

export interface Peer {
  readonly port: number;
  readonly child: Child;
}

export interface PeerPlace {
  /** To listen on. */
  readonly port: number;
  /** Its own, empty, and gone with this process. */
  readonly folder: string;
  /** Writes a file into the folder; its path. */
  writeFile(name: string, text: string): string;
}

export interface PeerCommand {
  readonly command: string;
  readonly args: readonly string[];
}

/** Ready once a client logs in through it. Throws, with the end of its output, where it isn't. */
export async function startPeer(
  name: string,
  commandFor: (place: PeerPlace) => PeerCommand | Promise<PeerCommand>,
): Promise<Peer> {
  const [port, folder] = [await freePort(), temporaryDirectory(name)];
  const writeFile = (file: string, text: string): string => {
    const path = join(folder, file);
    writeFileSync(path, text);
    return path;
  };
  const { command, args } = await commandFor({ port, folder, writeFile });
  const child = await startChild({ name, command, args, cwd: folder, ready: () => logsIn(port) });
  return { port, child };
}

async function logsIn(port: number): Promise<boolean> {
  const connection = await createConnection({ host: '127.0.0.1', port, user: 'root' });
  await connection.end();
  return true;
}
