/** Which writes may leave another text on a server of another kind, by their bytes and what the primary warned of. */
import { expect, it } from 'vitest';
import { makeContext, type ReplayContext } from '../../src/mirror/replay-context.ts';
import { mayKeepTornTexts } from '../../src/mirror/torn-texts.ts';
import { readExecute } from '../../src/wire/execute-packet.ts';
import { writeExecute } from '../harness/library-commands.ts';

const BYTES = { whole: Buffer.from('é'), torn: Buffer.from([0x61, 0xc3]), ascii: Buffer.from('a') };

function contextOf(names: string | null, variables: Readonly<Record<string, string>> = {}): ReplayContext {
  return makeContext('mc', names, new Map(Object.entries(variables)));
}

function isDoubt(context: ReplayContext, bytes: keyof typeof BYTES, warnings: number): boolean {
  const sql = Buffer.concat([Buffer.from("UPDATE messages SET a = '"), BYTES[bytes], Buffer.from("'")]);
  return mayKeepTornTexts({ sql, prepared: null, context }, warnings);
}

it.each([
  ['SET NAMES utf8mb4', 'torn', 1, true],
  ['SET NAMES utf8mb4', 'torn', 0, false],
  ['SET NAMES utf8', 'whole', 1, false],
  ['SET NAMES utf8mb4 COLLATE utf8mb4_bin', 'torn', 2, true],
  [null, 'torn', 1, true],
  ['SET NAMES binary', 'torn', 1, true],
  ['SET NAMES binary', 'torn', 0, false],
  ['SET NAMES latin1', 'torn', 1, false],
  ['SET NAMES gbk', 'whole', 1, true],
  ['SET NAMES gbk', 'ascii', 1, false],
  ['SET NAMES gbk', 'torn', 0, false],
  // Literals are taken into the database's character set, and nobody is warned of what is lost.
  ['SET CHARACTER SET utf8', 'torn', 0, true],
  ['SET CHARACTER SET utf8', 'whole', 0, false],
  ['SET CHARACTER SET latin1', 'torn', 0, false],
] as const)('%s, a %s text, %d warnings: %s', (names, bytes, warnings, expected) => {
  expect(isDoubt(contextOf(names), bytes, warnings)).toBe(expected);
});

it.each([
  [{ character_set_client: "'gbk'" }, true],
  [{ character_set_connection: "'latin1'" }, true],
  [{ collation_connection: "'latin1_bin'" }, true],
  [{ collation_connection: "'utf8mb4_bin'" }, false],
  [{ character_set_client: "'latin1'" }, false],
])('of a session that has set %j beside its SET NAMES, without a warning: %s', (variables, expected) => {
  expect(isDoubt(contextOf('SET NAMES utf8mb4', variables as Record<string, string>), 'torn', 0)).toBe(
    expected,
  );
});

it('looks at bound texts, and at those that were sent ahead', () => {
  const context = contextOf('SET NAMES utf8mb4');
  const sql = Buffer.from('UPDATE messages SET a = ? WHERE id = ?');
  const doubt = (value: Buffer | string, ahead: Buffer | null): boolean => {
    const options = { parameterCount: 2, boundTypes: null, queryAttributes: false };
    const packet = readExecute(writeExecute(1, [value, 5], null), { ...options, longData: new Map() })!;
    const longData = new Map(ahead === null ? [] : [[1, ahead]]);
    return mayKeepTornTexts({ sql, prepared: { text: '', packet, longData }, context }, 1);
  };
  expect(doubt('é', null)).toBe(false);
  expect(doubt(BYTES.torn, null)).toBe(true);
  expect(doubt('é', BYTES.torn)).toBe(true);
  expect(doubt('é', BYTES.whole)).toBe(false);
});
