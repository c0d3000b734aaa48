/**
 * What one lane's session on the shadow is set to: who commits, and the context of what is replayed. A setting
 * that the shadow has taken before goes out ahead of the statements that need it, in the same write.
 */
import type { Exchange } from '../wire/exchange.ts';
import { commandPayload } from '../wire/packets.ts';
import { COM } from '../wire/protocol.ts';
import type { LaneLink, ReplyCallback } from './lane-link.ts';
import { contextStatements, EMPTY_CONTEXT, makeContext, type ReplayContext } from './replay-context.ts';
import {
  isOtherKind,
  type ShadowSession,
  type TranslatedContext,
  translateContext,
} from './shadow-dialect.ts';
import type { Replay } from './unit.ts';

/** Of a command; null: none came. */
export type Answer = Exchange<ReplyCallback> | null;

/** `unknown`: the shadow may be set up to begin its sessions either way. */
type Autocommit = 'unknown' | 'on' | 'off';

const DEFAULT_NAMES = 'SET NAMES utf8mb4';
/**
 * BEGIN would not do: a deadlock ends the transaction, and what was sent behind the statement that met it would
 * then stay for good, each statement by itself. With autocommit off all of it is one ROLLBACK away.
 */
const SWITCH = { on: text('SET autocommit = 1'), off: text('SET autocommit = 0') } as const;
const RESET = Buffer.of(COM.RESET_CONNECTION);
/**
 * A variable that the shadow does not have, or does not let our account set: 1193 unknown, 1227 access denied,
 * 1229 global only, 1238 read only, 1621 read only in sessions. MySQL manual: "Server Error Message Reference".
 */
const NOT_SETTABLE: readonly number[] = [1193, 1227, 1229, 1238, 1621];
/** Contexts remembered as taken; past them all are forgotten and asked for anew. */
const TAKEN_MAX = 256;

export class LaneSession {
  readonly #link: LaneLink;
  readonly #shadow: ShadowSession;
  readonly #refuses: (variable: string) => void;
  readonly #begun: ReplayContext;
  readonly #translations = new Map<string, TranslatedContext>();
  #autocommit: Autocommit = 'unknown';
  #context: ReplayContext = EMPTY_CONTEXT;
  /** The same in the shadow's words. */
  #entered: ReplayContext = EMPTY_CONTEXT;
  #unfaithful = false;
  /** Ids of contexts that the shadow has taken on this lane. */
  readonly #taken = new Set<string>([EMPTY_CONTEXT.id]);

  /** `refuses` is told of a variable that the shadow does not let us set, once each; it adds it to `shadow.refused`. */
  constructor(link: LaneLink, shadow: ShadowSession, refuses: (variable: string) => void) {
    this.#link = link;
    this.#shadow = shadow;
    this.#refuses = refuses;
    this.#begun = shadow.begun === null ? EMPTY_CONTEXT : makeContext(null, null, shadow.begun);
    this.#entered = this.#begun;
  }

  get autocommit(): Autocommit {
    return this.#autocommit;
  }

  /** Of a statement: the shadow could not be set up to do quite as the primary in this context, or reckons otherwise. */
  unfaithfulTo({ kind, byKind }: Pick<Replay, 'kind' | 'byKind'>): boolean {
    return this.#unfaithful || (byKind && kind !== 'read' && this.isOfOtherKind);
  }

  /** The primary is, as the shadow is not. */
  get isOfOtherKind(): boolean {
    return isOtherKind(this.#context, this.#shadow.kind);
  }

  /** For what is sent from here on. */
  setAutocommit(wanted: 'on' | 'off'): void {
    if (this.#autocommit === wanted) return;
    this.#autocommit = wanted;
    this.ahead(SWITCH[wanted]);
  }

  /**
   * Sends what the shadow has no reason to refuse, and whose answer nothing waits for. Where it refuses all the
   * same, nobody knows what the commands behind it did: the lane ends, and they are lost.
   */
  ahead(command: Buffer): void {
    this.#link.send(command, (answer) => {
      if (answer?.ok === false) this.#link.end('lost', `the shadow refused a setting: error ${answer.errno}`);
    });
  }

  /** The shadow will take it: it did before. In another database a statement that is not undone could do harm. */
  canEnterAhead({ id, database }: ReplayContext): boolean {
    if (id === this.#context.id) return true;
    return this.#taken.has(id) && (database === null || database === this.#context.database);
  }

  /** Only what `canEnterAhead`. */
  enterAhead(context: ReplayContext): void {
    if (context.id === this.#context.id) return;
    for (const command of this.#commandsInto(context)) this.ahead(command);
    this.#enteredInto(context);
  }

  /** Waits for the shadow; answers what it refused: then the session was reset, prepared statements and all. */
  async enter(context: ReplayContext): Promise<{ readonly answer: Answer } | null> {
    const sent = this.#commandsInto(context).map((command) => this.#command(command));
    const answers = await Promise.all(sent);
    const refused = answers.find((answer) => answer === null || !answer.ok);
    if (refused === undefined) {
      this.#enteredInto(context);
      return null;
    }
    // Half-way between two contexts nothing may run: back to the beginning.
    this.ahead(RESET);
    this.#autocommit = 'unknown';
    this.#context = EMPTY_CONTEXT;
    this.#entered = this.#begun;
    this.#unfaithful = false;
    if (refused !== null && NOT_SETTABLE.includes(refused.errno)) await this.#learnRefused(context);
    return { answer: refused };
  }

  /** Finds which variables the shadow does not let us set, one by one, so that later units can do without them. */
  async #learnRefused(context: ReplayContext): Promise<void> {
    const { variables } = this.#translated(context).context;
    const sets = [...variables].filter(([name, value]) => this.#begun.variables.get(name) !== value);
    const answers = await Promise.all(
      sets.map(([name, value]) => this.#command(text(`SET SESSION ${name} = ${value}`))),
    );
    this.ahead(RESET);
    for (const [index, [name]] of sets.entries()) {
      const errno = answers[index]?.errno ?? 0;
      if (NOT_SETTABLE.includes(errno)) this.#refuses(name);
    }
    this.#translations.clear();
  }

  #translated(context: ReplayContext): TranslatedContext {
    const known = this.#translations.get(context.id);
    if (known !== undefined) return known;
    const made = translateContext(context, this.#shadow);
    if (this.#translations.size >= TAKEN_MAX) this.#translations.clear();
    this.#translations.set(context.id, made);
    return made;
  }

  #commandsInto(context: ReplayContext): Buffer[] {
    const { context: own } = this.#translated(context);
    const commands = contextStatements(this.#entered, own, DEFAULT_NAMES).map(text);
    // The database first: SET CHARACTER SET takes its connection's character set from it.
    if (context.database !== null && context.database !== this.#context.database) {
      commands.unshift(commandPayload(COM.INIT_DB, context.database));
    }
    return commands;
  }

  #enteredInto(context: ReplayContext): void {
    const { context: own, faithful } = this.#translated(context);
    this.#context = context;
    this.#entered = own;
    this.#unfaithful = !faithful;
    if (this.#taken.size >= TAKEN_MAX) this.#taken.clear();
    this.#taken.add(context.id);
  }

  #command(payload: Buffer): Promise<Answer> {
    return new Promise((resolve) => this.#link.send(payload, resolve));
  }
}

function text(sql: string): Buffer {
  return commandPayload(COM.QUERY, sql);
}
