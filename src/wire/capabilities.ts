/**
 * Capability bits of the greeting and of the client's answer.
 * MySQL manual: "Capabilities Flags"; MariaDB knowledge base: "Connection", "Capabilities".
 */

export const CAPABILITY = {
  /** Called CLIENT_MYSQL by MariaDB: unset, the upper half of MariaDB's bits stands in the reserved bytes. */
  LONG_PASSWORD: 0x1,
  FOUND_ROWS: 0x2,
  CONNECT_WITH_DB: 0x8,
  COMPRESS: 0x20,
  LOCAL_FILES: 0x80,
  PROTOCOL_41: 0x200,
  SSL: 0x800,
  SECURE_CONNECTION: 0x8000,
  MULTI_STATEMENTS: 0x1_0000,
  MULTI_RESULTS: 0x2_0000,
  PS_MULTI_RESULTS: 0x4_0000,
  PLUGIN_AUTH: 0x8_0000,
  CONNECT_ATTRS: 0x10_0000,
  PLUGIN_AUTH_LENENC_DATA: 0x20_0000,
  SESSION_TRACK: 0x80_0000,
  DEPRECATE_EOF: 0x100_0000,
  OPTIONAL_RESULTSET_METADATA: 0x200_0000,
  ZSTD_COMPRESSION: 0x400_0000,
  QUERY_ATTRIBUTES: 0x800_0000,
  MULTI_FACTOR_AUTHENTICATION: 0x1000_0000,
} as const;

/** MariaDB's own bits, counted from its 33rd. */
export const MARIADB_CAPABILITY = {
  PROGRESS: 0x1,
  COM_MULTI: 0x2,
  STMT_BULK_OPERATIONS: 0x4,
  EXTENDED_METADATA: 0x8,
  CACHE_METADATA: 0x10,
  BULK_UNIT_RESULTS: 0x20,
} as const;

/** What both sides agreed on; each number holds 32 bits, unsigned. */
export interface Capabilities {
  readonly base: number;
  readonly mariadb: number;
}

/** Compression changes the framing, and TLS is not the server's to offer: what ends at the proxy is the proxy's own. */
const BASE_UNFOLLOWED = CAPABILITY.COMPRESS | CAPABILITY.ZSTD_COMPRESSION | CAPABILITY.SSL;

/** COM_MULTI packs several commands in one packet; bits that came after this list may change the framing too. */
const MARIADB_FOLLOWED =
  MARIADB_CAPABILITY.PROGRESS |
  MARIADB_CAPABILITY.STMT_BULK_OPERATIONS |
  MARIADB_CAPABILITY.EXTENDED_METADATA |
  MARIADB_CAPABILITY.CACHE_METADATA |
  MARIADB_CAPABILITY.BULK_UNIT_RESULTS;

/** The server's bits less those that the relay can't follow; clients fall back by themselves. */
export function offered(server: Capabilities): Capabilities {
  return { base: (server.base & ~BASE_UNFOLLOWED) >>> 0, mariadb: (server.mariadb & MARIADB_FOLLOWED) >>> 0 };
}

export function agreed(client: Capabilities, server: Capabilities): Capabilities {
  return { base: (client.base & server.base) >>> 0, mariadb: (client.mariadb & server.mariadb) >>> 0 };
}
