/** The shipped systemd unit, read as tests need it. */
import { readFileSync } from 'node:fs';
import { repositoryPath } from './compose-files.ts';

export const UNIT_PATH = 'deploy/systemd/understudy.service';

/** Every value of a setting, in order, by `Section.Name`. A continued or malformed line is an error. */
export function readUnit(): Map<string, string[]> {
  const settings = new Map<string, string[]>();
  let section = '';
  for (const line of readFileSync(repositoryPath(UNIT_PATH), 'utf8').split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const [, header] = /^\[(\w+)\]$/.exec(line) ?? [];
    if (header !== undefined) {
      section = header;
      continue;
    }
    const [, name, value] = /^(\w+)=(.*[^\\]|)$/.exec(line) ?? [];
    if (name === undefined || value === undefined) throw new Error(`${UNIT_PATH}: ${line}`);
    const key = `${section}.${name}`;
    settings.set(key, [...(settings.get(key) ?? []), value]);
  }
  return settings;
}
