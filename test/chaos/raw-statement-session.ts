/** One connection of a client without a library: commands as bytes, sent one by one or several before the first answer. */
import { int, lenenc, lenencText } from '../harness/packet-writer.ts';
import type { Random } from '../harness/random.ts';
import { CLIENT, COM, connectRaw, type RawConnection, type RawReply } from '../harness/recorder.ts';
import type { ReplyKind } from '../harness/reply-reader.ts';
import { type BoundParameter, parameterBlock } from './bound-parameter.ts';
import { idBytes } from './bulk-payload.ts';
import { COLLATION_IDS, inCharset } from './charset-texts.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
}

export interface RawCommand {
  readonly payload: Buffer;
  /** Null: it has no answer. */
  readonly kind: ReplyKind | null;
  readonly shown: string;
}

export interface SessionOptions {
  readonly address: Address;
  readonly random: Random;
  /** Capabilities by dice, not the usual ones. */
  readonly oddFlags: boolean;
  readonly log: (line: string) => void;
}

const IGNORE_SPACE = 1n << 8n;
const OPTIONAL = [
  ...[CLIENT.FOUND_ROWS, IGNORE_SPACE, CLIENT.SESSION_TRACK, CLIENT.DEPRECATE_EOF],
  ...[CLIENT.OPTIONAL_RESULTSET_METADATA, CLIENT.QUERY_ATTRIBUTES, CLIENT.MARIADB_CACHE_METADATA],
];
const CURSOR = 1;
const COUNT_FOLLOWS = 8;
const STRING = 0xfd;

export class RawStatementSession {
  readonly #raw: RawConnection;
  readonly #options: SessionOptions;
  /** Of what is sent. */
  charset: string;

  static async open(options: SessionOptions): Promise<RawStatementSession> {
    const { address, random, log } = options;
    const charset = random.chance(0.2) ? Number(random.pick(Object.keys(COLLATION_IDS))) : 45;
    let capabilities = CLIENT.MARIADB_STMT_BULK | (random.chance(0.5) ? CLIENT.FOUND_ROWS : 0n);
    if (options.oddFlags) for (const flag of OPTIONAL) capabilities |= random.chance(0.5) ? flag : 0n;
    const raw = await connectRaw({ ...address, charset, capabilities });
    log(`connect raw 0x${raw.capabilities.toString(16)} charset ${charset} → ok`);
    return new RawStatementSession(raw, options, COLLATION_IDS[charset] ?? 'utf8mb4');
  }

  private constructor(raw: RawConnection, options: SessionOptions, charset: string) {
    this.#raw = raw;
    this.#options = options;
    this.charset = charset;
  }

  get id(): number {
    return this.#raw.connectionId;
  }

  get takesBulk(): boolean {
    return (this.#raw.capabilities & CLIENT.MARIADB_STMT_BULK) !== 0n;
  }

  get #hasAttributes(): boolean {
    return (this.#raw.capabilities & CLIENT.QUERY_ATTRIBUTES) !== 0n;
  }

  query(sql: string): RawCommand {
    const text = inCharset(sql, this.charset, this.#options.random);
    const payload = Buffer.concat([Buffer.of(COM.QUERY), this.#attributes(), text]);
    return { payload, kind: 'query', shown: shownText(sql, text) };
  }

  prepare(sql: string): RawCommand {
    const text = inCharset(sql, this.charset, this.#options.random);
    return {
      payload: Buffer.concat([Buffer.of(COM.STMT_PREPARE), text]),
      kind: 'prepare',
      shown: `prepare ${shownText(sql, text)}`,
    };
  }

  execute(
    id: number,
    parameters: readonly BoundParameter[],
    sendsTypes: boolean,
    cursor: boolean,
  ): RawCommand {
    const names = this.#hasAttributes;
    const extra: BoundParameter[] =
      names && this.#options.random.chance(0.3)
        ? [{ type: STRING, flags: 0, value: lenencText('traced'), shown: 'attribute' }]
        : [];
    const all = sendsTypes ? [...parameters, ...extra] : parameters;
    const flags = (cursor ? CURSOR : 0) | (names && all.length > 0 ? COUNT_FOLLOWS : 0);
    const head = [Buffer.of(COM.STMT_EXECUTE), idBytes(id), Buffer.of(flags), int(4, 1)];
    const count = names && all.length > 0 ? [lenenc(all.length)] : [];
    const block = all.length === 0 ? [] : [parameterBlock(all, sendsTypes, names)];
    return {
      payload: Buffer.concat([...head, ...count, ...block]),
      kind: 'query',
      shown: `execute ${id | 0}${sendsTypes ? '' : ' again'}${cursor ? ' cursor' : ''} [${all.map(({ shown }) => shown).join(' ')}]`,
    };
  }

  longData(id: number, ordinal: number, piece: string): RawCommand {
    const payload = Buffer.concat([
      ...[Buffer.of(COM.STMT_SEND_LONG_DATA), idBytes(id), int(2, ordinal), Buffer.from(piece)],
    ]);
    return { payload, kind: null, shown: `long data ${id | 0}.${ordinal} ${piece}` };
  }

  ofStatement(code: number, id: number, kind: ReplyKind | null): RawCommand {
    return {
      payload: Buffer.concat([Buffer.of(code), idBytes(id)]),
      kind,
      shown: `0x${code.toString(16)} ${id | 0}`,
    };
  }

  bulk(payload: Buffer, shown: string): RawCommand {
    return { payload, kind: 'query', shown: `bulk ${shown}` };
  }

  useDatabase(name: string): RawCommand {
    return {
      payload: Buffer.concat([Buffer.of(COM.INIT_DB), Buffer.from(name)]),
      kind: 'ok',
      shown: `init ${name}`,
    };
  }

  resetConnection(): RawCommand {
    return { payload: Buffer.of(COM.RESET_CONNECTION), kind: 'ok', shown: 'reset connection' };
  }

  changeUser(): Promise<RawReply> {
    const { user, database } = this.#options.address;
    return this.#raw.changeUser(user, '', database);
  }

  /** All of them, then their answers. Throws where the connection ends. */
  async send(...commands: readonly RawCommand[]): Promise<RawReply[]> {
    for (const { payload } of commands) this.#raw.send(payload);
    const replies: RawReply[] = [];
    for (const { kind, shown } of commands) {
      if (kind === null) {
        this.#options.log(shown);
        continue;
      }
      const reply = await this.#raw.readReply(kind).catch((error: Error) => {
        this.#options.log(`${shown} → ${error.message.slice(0, 60)}`);
        throw error;
      });
      const { error } = reply;
      this.#options.log(
        `${shown} → ${error === null ? 'ok' : `${error.errno} ${error.message.slice(0, 60)}`}`,
      );
      replies.push(reply);
    }
    return replies;
  }

  /** Sent, and never answered to this client. */
  sendAndVanish(command: RawCommand, ending: 'close' | 'reset' | 'end'): void {
    this.#options.log(`${ending} after ${command.shown}`);
    this.#raw.send(command.payload);
    if (ending === 'end') this.#raw.end();
    else if (ending === 'close') this.#raw.close();
    else this.#raw.reset();
  }

  async end(inGoodOrder: boolean): Promise<void> {
    if (!inGoodOrder) return this.#raw.close();
    this.#raw.send(Buffer.of(COM.QUIT));
    await this.#raw.readUntilClosed().catch(() => null);
    this.#raw.close();
  }

  /** MySQL manual, "COM_QUERY": how many, one set of them, NULLs, types with names, values. */
  #attributes(): Buffer {
    if (!this.#hasAttributes) return Buffer.alloc(0);
    if (this.#options.random.chance(0.6)) return Buffer.concat([lenenc(0), lenenc(1)]);
    const traced = [{ type: STRING, flags: 0, value: lenencText('7'), shown: '' }];
    return Buffer.concat([lenenc(1), lenenc(1), parameterBlock(traced, true, true)]);
  }
}

function shownText(sql: string, sent: Buffer): string {
  return Buffer.from(sql).equals(sent) ? sql : `${sent.toString('latin1')} (bytes)`;
}
