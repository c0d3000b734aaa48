/** docs/hazards.md names for each hazard the test that shows it: those tests exist. */
import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { REPOSITORY } from '../harness/repository.ts';

const page = readFileSync(new URL('docs/hazards.md', REPOSITORY), 'utf8');
const named = [...page.matchAll(/\| `([^`]+)` \|$/gm)].map((match) => match[1] ?? '');
const tests = ['test/unit/', 'test/integration/']
  .flatMap((folder) => {
    const url = new URL(folder, REPOSITORY);
    return readdirSync(url)
      .filter((file) => file.endsWith('.test.ts'))
      .map((file) => readFileSync(new URL(file, url), 'utf8'));
  })
  .join('\n');

it.each(named)('the test of a hazard exists: %s', (name) => {
  expect(tests).toContain(`'${name}'`);
});

it('every hazard names a test', () => {
  const rows = page.split('\n').filter((line) => line.startsWith('| ')).length;
  expect(named).toHaveLength(rows - 1);
});
