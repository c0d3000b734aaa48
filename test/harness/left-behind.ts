/**
 * Run by the harness's own test, which kills it: holds a server, a paused one and etcd, and
 * prints what must be gone afterwards as one line of JSON.
 */
import { dirname } from 'node:path';
import { startEtcd } from './etcd.ts';
import { startMariadb } from './mariadb.ts';

const [server, paused, etcd] = await Promise.all([startMariadb(), startMariadb(), startEtcd()]);
paused.pause();
const directory = dirname(dirname(server.dataDir));
process.stdout.write(`${JSON.stringify({ pids: [server.pid, paused.pid, etcd.pid], directory })}\n`);
