/** sql_mode as a session makes it out of what it was: a mode expression with its literals in place. */

export type ModeEdit =
  /** A literal's text; null: its value is not at hand. */
  | { readonly text: string | null }
  | { readonly mode: 'session' | 'global' }
  | { readonly call: 'concat' | 'replace'; readonly args: readonly ModeEdit[] };

/** Longer than all modes there are; what grows past it is no list of modes. */
const MODE_BYTES_MAX = 2000;
const LIST = /^[\w, ]*$/;

/** The new value as a quoted literal; null: it is not known. */
export function editedMode(edit: ModeEdit, session: string | null, global: string | null): string | null {
  const text = evaluate(edit, session, global);
  return text === null || !LIST.test(text) ? null : `'${text}'`;
}

/** The list of modes that a literal or a word of SQL stands for; null: a number, or what only the server reads. */
export function modeText(value: string): string | null {
  const text = value.trim().replace(/^(['"`])(.*)\1$/s, '$2');
  return /^\d+$/.test(text) || !LIST.test(text) ? null : text;
}

function evaluate(edit: ModeEdit, session: string | null, global: string | null): string | null {
  if ('text' in edit) return edit.text;
  if ('mode' in edit) return edit.mode === 'session' ? session : global;
  const args: string[] = [];
  for (const arg of edit.args) {
    const text = evaluate(arg, session, global);
    if (text === null || text.length > MODE_BYTES_MAX) return null;
    args.push(text);
  }
  if (edit.call === 'concat') return args.join('');
  const [text = '', from = '', to = ''] = args;
  // The servers show a session's modes in upper case, and REPLACE minds the case.
  return from === '' ? text : text.toUpperCase().replaceAll(from, to);
}
