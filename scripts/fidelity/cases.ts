/** What the mirror's fidelity is proved on: loads, how they are sent, and the servers between which they are mirrored. */

export const SYSBENCH_LOADS = ['oltp_write_only', 'oltp_read_write', 'oltp_insert', 'oltp_delete'] as const;
export type SysbenchLoad = (typeof SYSBENCH_LOADS)[number];

export interface FidelityCase {
  /** `own_rows`: each client has rows of its own, and changes them in ways that do not commute. */
  readonly load: SysbenchLoad | 'message_centre' | 'own_rows';
  /** `mixed`: sessions of both kinds. */
  readonly protocol: 'text' | 'prepared' | 'mixed';
  /** Hot: so few rows that sessions meet on them all the time. */
  readonly rows: 'hot' | 'cold';
  /** The engine of the old tables; those of the new cluster are InnoDB. */
  readonly engine: 'InnoDB' | 'MyISAM';
  /** The new cluster; the old one is MariaDB. */
  readonly fresh: 'MariaDB' | 'MySQL 9';
}

export const FULL_CASES: readonly FidelityCase[] = [
  ...SYSBENCH_LOADS.flatMap((load) =>
    (['text', 'prepared'] as const).flatMap((protocol) =>
      (['cold', 'hot'] as const).map(
        (rows): FidelityCase => ({ load, protocol, rows, engine: 'InnoDB', fresh: 'MariaDB' }),
      ),
    ),
  ),
  ...(['cold', 'hot'] as const).map(
    (rows): FidelityCase => ({
      load: 'own_rows',
      protocol: 'mixed',
      rows,
      engine: 'InnoDB',
      fresh: 'MariaDB',
    }),
  ),
  ...(['MyISAM', 'InnoDB'] as const).flatMap((engine) =>
    (['cold', 'hot'] as const).flatMap((rows): FidelityCase[] => {
      const fresh = engine === 'MyISAM' ? 'MariaDB' : 'MySQL 9';
      return [
        { load: 'oltp_write_only', protocol: 'text', rows, engine, fresh },
        { load: 'oltp_write_only', protocol: 'prepared', rows, engine, fresh },
        { load: 'oltp_insert', protocol: 'text', rows, engine, fresh },
        { load: 'message_centre', protocol: 'mixed', rows, engine, fresh },
        { load: 'own_rows', protocol: 'mixed', rows, engine, fresh },
      ];
    }),
  ),
];

/** For every change: of each kind of load one, hot, where it goes wrong first. MySQL 9 is left to the full run. */
export const SHORT_CASES: readonly FidelityCase[] = [
  { load: 'oltp_write_only', protocol: 'prepared', rows: 'hot', engine: 'InnoDB', fresh: 'MariaDB' },
  { load: 'oltp_write_only', protocol: 'text', rows: 'hot', engine: 'MyISAM', fresh: 'MariaDB' },
  { load: 'oltp_insert', protocol: 'text', rows: 'hot', engine: 'InnoDB', fresh: 'MariaDB' },
  { load: 'own_rows', protocol: 'mixed', rows: 'hot', engine: 'InnoDB', fresh: 'MariaDB' },
  { load: 'message_centre', protocol: 'mixed', rows: 'hot', engine: 'MyISAM', fresh: 'MariaDB' },
];

export function nameOfCase({ load, protocol, rows, engine, fresh }: FidelityCase): string {
  return `${load}, ${protocol}, ${rows}, MariaDB ${engine} to ${fresh} InnoDB`;
}
