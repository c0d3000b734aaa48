/**
 * Reads a `.test` file, the language of MariaDB's mysqltest, into steps. Its manual: "mysqltest Language
 * Reference". Blocks of `if` and `while` are not weighed: their statements are read once, in order.
 *
 * Text is latin1 throughout, one character a byte, for the files hold statements in many character sets.
 */

export type Step =
  /** `expands`: the test's variables are to be put in. `waits`: the reply is waited for at once. */
  | { readonly what: 'query'; readonly text: string; readonly expands: boolean; readonly waits: boolean }
  | { readonly what: 'reap' }
  | { readonly what: 'let'; readonly name: string; readonly value: string }
  | { readonly what: 'source'; readonly path: string }
  | { readonly what: 'connect'; readonly args: readonly string[] }
  | { readonly what: 'connection'; readonly name: string }
  | { readonly what: 'disconnect'; readonly name: string };

const QUERY = { expands: true, waits: true };
/** Commands that send a statement. */
const SENDING: Readonly<Record<string, { readonly expands: boolean; readonly waits: boolean }>> = {
  query: { expands: false, waits: true },
  query_vertical: QUERY,
  query_horizontal: QUERY,
  eval: QUERY,
  evalp: QUERY,
  send: { expands: false, waits: false },
  send_eval: { expands: true, waits: false },
};
/** Commands after which lines follow that are no statements, up to a mark. */
const WITH_LINES = new Set(['perl', 'write_file', 'append_file']);
const OTHER_COMMANDS = new Set(
  (
    'append_file assert cat_file change_user character_set chmod connect connection copy_file cursor_protocol dec ' +
    'delimiter die diff_files dirty_close disable_abort_on_error disable_async_client disable_column_names ' +
    'disable_connect_log disable_cursor_protocol disable_info disable_metadata disable_non_blocking_api ' +
    'disable_parsing disable_prepare_warnings disable_ps2_protocol disable_ps_protocol disable_query_log ' +
    'disable_reconnect disable_result_log disable_rpl_parse disable_service_connection disable_session_track_info ' +
    'disable_view_protocol disable_warnings disconnect echo enable_abort_on_error enable_async_client ' +
    'enable_column_names enable_connect_log enable_cursor_protocol enable_info enable_metadata ' +
    'enable_non_blocking_api enable_parsing enable_prepare_warnings enable_ps2_protocol enable_ps_protocol ' +
    'enable_query_log enable_reconnect enable_result_log enable_rpl_parse enable_service_connection ' +
    'enable_session_track_info enable_view_protocol enable_warnings end end_timer error eval_result evalp exec exit ' +
    'file_exists horizontal_results if inc let list_files list_files_append_file list_files_write_file ' +
    'lowercase_result mkdir move_file optimizer_trace output perl ping real_sleep reap remove_file remove_files_wildcard ' +
    'replace_column replace_numeric_round replace_regex replace_result require reset_connection result_format ' +
    'result rmdir rmdirs rpl_parse save_master_pos send_quit send_shutdown shutdown_server skip sleep sorted_result ' +
    'sort_result source start_timer sync_slave_with_master sync_with_master system vertical_results ' +
    'view_protocol wait_for_slave_to_stop while write_file'
  ).split(' '),
);

/** Every step of a file. What can't be told of it without running it (a bad mark, say) is skipped. */
export function readScript(text: string): Step[] {
  return new ScriptReader(text).read();
}

class ScriptReader {
  readonly #text: string;
  readonly #steps: Step[] = [];
  #at = 0;
  #delimiter = ';';
  #parsing = true;
  /** A bare `--send`, `--eval` or the like: the next statement is sent that way. */
  #next: { readonly expands: boolean; readonly waits: boolean } | null = null;

  constructor(text: string) {
    this.#text = text;
  }

  read(): Step[] {
    while (this.#skipBlanks()) {
      if (this.#text[this.#at] === '}') this.#at++;
      else if (this.#text[this.#at] === '#') this.#line();
      else if (this.#text[this.#at] === '-') this.#dashes();
      else this.#statement();
    }
    return this.#steps;
  }

  #skipBlanks(): boolean {
    while (this.#at < this.#text.length && /\s/.test(this.#text[this.#at]!)) this.#at++;
    return this.#at < this.#text.length;
  }

  #line(): string {
    const end = this.#text.indexOf('\n', this.#at);
    const line = this.#text.slice(this.#at, end === -1 ? undefined : end);
    this.#at = end === -1 ? this.#text.length : end + 1;
    return line;
  }

  /** A line that begins with dashes is a command, or a comment where it names none. */
  #dashes(): void {
    const line = this.#line()
      .replace(/^-+\s*/, '')
      .trimEnd();
    const word = /^[a-z_0-9]+/i.exec(line)?.[0]?.toLowerCase() ?? '';
    if (word in SENDING || OTHER_COMMANDS.has(word)) this.#command(word, line.slice(word.length).trim());
  }

  #statement(): void {
    const text = this.#upToDelimiter().trim();
    if (text === '') return;
    const word = /^[a-z_0-9]+/i.exec(text)?.[0]?.toLowerCase() ?? '';
    const rest = text.slice(word.length);
    if ((word in SENDING || OTHER_COMMANDS.has(word)) && !/^\s*=/.test(rest))
      this.#command(word, rest.trim());
    else this.#query(text, this.#next ?? { expands: false, waits: true });
  }

  /** Quotes hide a delimiter; the opening brace of a block ends its condition. */
  #upToDelimiter(): string {
    const text = this.#text;
    const start = this.#at;
    const isBlock = /^(if|while)\b/i.test(text.slice(start, start + 6));
    let quote = '';
    for (let at = start; at < text.length; at++) {
      const character = text[at]!;
      if (quote !== '') {
        if (character === '\\' && quote !== '`') at++;
        else if (character === quote) quote = '';
      } else if (text.startsWith(this.#delimiter, at)) {
        this.#at = at + this.#delimiter.length;
        return text.slice(start, at);
      } else if (isBlock && character === '{') {
        this.#at = at + 1;
        return text.slice(start, at);
      } else if (character === "'" || character === '"' || character === '`') {
        quote = character;
      } else if (character === '\\') {
        at++;
      }
    }
    this.#at = text.length;
    return text.slice(start);
  }

  #query(text: string, how: { readonly expands: boolean; readonly waits: boolean }): void {
    this.#next = null;
    if (this.#parsing) this.#steps.push({ what: 'query', text, ...how });
  }

  #command(word: string, rest: string): void {
    const sends = SENDING[word];
    if (sends !== undefined) {
      if (rest === '') this.#next = sends;
      else this.#query(rest, sends);
    } else if (WITH_LINES.has(word)) {
      this.#skipLines(word, rest);
    } else if (word === 'delimiter') {
      this.#delimiter = rest === '' ? this.#delimiter : rest;
    } else if (word === 'enable_parsing' || word === 'disable_parsing') {
      this.#parsing = word === 'enable_parsing';
    } else if (this.#parsing) {
      const step = otherStep(word, rest);
      if (step !== null) this.#steps.push(step);
    }
  }

  #skipLines(word: string, rest: string): void {
    const args = rest.split(/\s+/).filter((arg) => arg !== '');
    const mark = args[word === 'perl' ? 0 : 1] ?? 'EOF';
    if (this.#text[this.#at] === '\n') this.#at++;
    while (this.#at < this.#text.length && this.#line().trimEnd() !== mark) {
      // Lines of a program or a file.
    }
  }
}

function otherStep(word: string, rest: string): Step | null {
  switch (word) {
    case 'reap':
      return { what: 'reap' };
    case 'let': {
      const found = /^\$?(\w+)\s*=\s*([\s\S]*)$/.exec(rest);
      return found === null ? null : { what: 'let', name: found[1]!, value: found[2]! };
    }
    case 'source':
      return { what: 'source', path: rest };
    case 'connect': {
      const args = rest.replace(/^\(([\s\S]*)\)$/, '$1').split(',');
      return { what: 'connect', args: args.map((arg) => arg.trim().replace(/^(["'])(.*)\1$/, '$2')) };
    }
    case 'connection':
      return { what: 'connection', name: rest };
    case 'disconnect':
    case 'dirty_close':
      return { what: 'disconnect', name: rest };
    default:
      return null;
  }
}
