/** The character sets that a session's texts pass on their way: the one they are sent in, and the one they are read into. */

export interface TextCharsets {
  /** Lower case; null: not known, or the server's own. */
  readonly client: string | null;
  readonly connection: string | null;
}

/** Of `binary` too the bytes are UTF-8 most likely, and nothing takes them into another character set. */
const UTF8 = /^(?:utf8|binary$)/;

/**
 * `settingOf`: what a variable is, as SQL; null: not known. `isSet`: whether it was set by itself, behind the SET NAMES
 * that set all of them.
 */
export function textCharsets(
  settingOf: (name: string) => string | null,
  isSet: (name: string) => boolean,
): TextCharsets {
  const named = (name: string): string | null => settingOf(name)?.replace(/['"]/g, '').toLowerCase() ?? null;
  return {
    client: named('character_set_client'),
    connection: isSet('collation_connection')
      ? (named('collation_connection')?.replace(/_.*/, '') ?? null)
      : named('character_set_connection'),
  };
}

export function isUtf8Charset(charset: string): boolean {
  return UTF8.test(charset);
}

/** Every character that is sent is there once it is read, and no other in its place. */
export function keepsCharacters({ client, connection }: TextCharsets): boolean {
  if (client === null || connection === null) return false;
  return client === connection || isUtf8Charset(connection);
}
