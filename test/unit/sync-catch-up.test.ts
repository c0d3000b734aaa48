/** Without GTIDs a replica is waited for by the position in the binary log; what may not be asked is not known. */
import { expect, it } from 'vitest';
import { type CatchUp, waitForReplica } from '../../src/sync/catch-up.ts';
import type { Row, Value } from '../../src/sync/value.ts';

const REFUSED = Object.assign(new Error('you need a right for this'), { errno: 1227 });

interface Answers {
  readonly gtid?: Value;
  readonly status?: Row | Error;
  readonly wait?: Value;
}

/** One server in both roles. */
async function waited({
  gtid = '',
  status,
  wait = '0',
}: Answers): Promise<{ end: CatchUp; asked: unknown[] }> {
  const asked: unknown[] = [];
  const server = {
    kind: 'mariadb' as const,
    rows: (sql: string, values: readonly unknown[] = []): Promise<Row[]> => {
      if (sql.includes('gtid_binlog_pos')) return Promise.resolve([[gtid]]);
      if (sql === 'SHOW MASTER STATUS') {
        if (status instanceof Error) return Promise.reject(status);
        return Promise.resolve(status === undefined ? [] : [status]);
      }
      asked.push(sql, ...values);
      return Promise.resolve([[wait]]);
    },
  };
  return { end: await waitForReplica(server, server, 1500), asked };
}

it('waits by GTID where there are any', async () => {
  expect(await waited({ gtid: '0-1-7' })).toEqual({
    end: 'caught_up',
    asked: ['SELECT MASTER_GTID_WAIT(?, ?)', '0-1-7', 2],
  });
});

it('waits by position else', async () => {
  const status = ['bin.000003', '451', '', ''];
  expect(await waited({ status, wait: '12' })).toEqual({
    end: 'caught_up',
    asked: ['SELECT MASTER_POS_WAIT(?, ?, ?)', 'bin.000003', 451, 2],
  });
  expect((await waited({ status, wait: '-1' })).end).toBe('late');
});

it('can’t tell of a server that follows nobody, has no binary log, or keeps it from the account', async () => {
  expect((await waited({ status: ['bin.000003', '451'], wait: null })).end).toBe('untold');
  expect((await waited({})).end).toBe('untold');
  expect((await waited({ status: REFUSED })).end).toBe('untold');
});

it('fails where a server can’t be reached', async () => {
  await expect(waited({ status: new Error('connect ECONNREFUSED') })).rejects.toThrow('ECONNREFUSED');
});
