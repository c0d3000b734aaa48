/**
 * Run by the harness's own test, which kills it: holds a server of each kind, a paused one
 * and etcd, and prints what must be gone afterwards as one line of JSON.
 */
import { dirname } from 'node:path';
import { startEtcd } from './etcd.ts';
import { startMariadb } from './mariadb.ts';
import { startMysql } from './mysql.ts';

const [server, mysql, paused, etcd] = await Promise.all([
  startMariadb(),
  startMysql(),
  startMariadb(),
  startEtcd(),
]);
paused.pause();
const directory = dirname(dirname(server.dataDir));
const pids = [server.pid, mysql.pid, paused.pid, etcd.pid];
process.stdout.write(`${JSON.stringify({ pids, directory })}\n`);
