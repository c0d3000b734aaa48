/** What SHOW GRANTS tells of the triggers that an account sees. */
import { expect, it } from 'vitest';
import { readGrants } from '../../src/mirror/trigger-rights.ts';

const TO = 'TO `u`@`%`';

it.each([
  ['everything', [`GRANT ALL PRIVILEGES ON *.* ${TO} WITH GRANT OPTION`], 'all'],
  ['the database', [`GRANT USAGE ON *.* ${TO}`, `GRANT SELECT, TRIGGER ON \`mc_00\`.* ${TO}`], 'all'],
  ['a role’s', ['GRANT `r` TO `u`@`%`', 'GRANT TRIGGER ON `mc_00`.* TO `r`'], 'all'],
  ['a pattern', [`GRANT TRIGGER ON \`mc\\_%\`.* ${TO}`], 'all'],
  ['a pattern of another', [`GRANT TRIGGER ON \`mc\\_0\`.* ${TO}`, `GRANT TRIGGER ON \`mcx00\`.* ${TO}`], []],
  [
    'some tables',
    [`GRANT TRIGGER, SELECT (\`a\`) ON \`mc_00\`.\`m\`\`s\` ${TO}`, `GRANT TRIGGER ON \`x\`.\`t\` ${TO}`],
    ['m`s'],
  ],
  ['other rights', [`GRANT SELECT (\`TRIGGER\`), SHOW VIEW ON \`mc_00\`.* ${TO}`], []],
  ['what was taken back', [`GRANT TRIGGER ON *.* ${TO}`, 'REVOKE TRIGGER ON `mc_00`.* FROM `u`@`%`'], []],
  [
    'what was taken back elsewhere',
    [`GRANT TRIGGER ON *.* ${TO}`, 'REVOKE TRIGGER ON `x`.* FROM `u`@`%`'],
    'all',
  ],
])('sees %s', (_name, grants, expected) => {
  const seen = readGrants(grants, 'mc_00');
  expect(seen === 'all' ? seen : [...seen]).toEqual(expected);
});

it('sees every database’s only by a right on everything', () => {
  expect(readGrants([`GRANT TRIGGER ON *.* ${TO}`], null)).toBe('all');
  expect(readGrants([`GRANT TRIGGER ON \`mc_00\`.* ${TO}`], null)).toEqual(new Set());
});
