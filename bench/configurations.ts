/** What the others were told, for the record. */
import { haproxyConfig } from './haproxy.ts';
import { routerConfig } from './mysql-router.ts';
import { proxysqlConfig } from './proxysql.ts';
import type { Results, Target } from './results.ts';
import { TARGET_NAMES } from './tables.ts';

export function describeConfigurations(targets: readonly Target[]): Results['configurations'] {
  const [port, old, folder] = ['PORT', 'OLD', 'FOLDER'];
  const all: readonly (readonly [Target, string])[] = [
    ['haproxy', haproxyConfig(port, old)],
    ['router', routerConfig(port, old, { plugins: 'PLUGINS', own: folder })],
    ['proxysql', proxysqlConfig(port, old, { folder, adminPort: 'ADMIN' })],
  ];
  return all
    .filter(([target]) => targets.includes(target))
    .map(([target, text]) => ({ name: TARGET_NAMES[target], text }));
}
