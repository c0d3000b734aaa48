/** Makes text that a stranger wrote fit for a log line or a terminal. */

/**
 * Control characters (they could forge lines or drive a terminal) become `?`, and more than `limit`
 * characters are cut, with an ellipsis to show it.
 */
export function sanitize(text: string, limit = 80): string {
  const cut = text.length > limit ? `${text.slice(0, limit)}…` : text;
  return cut.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?');
}
