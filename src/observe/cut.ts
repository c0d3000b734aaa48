/** Text as long as what keeps it has room for. */

/** At most `limit` characters; where some are left out, the last one is an ellipsis. */
export function cut(text: string, limit: number): string {
  return text.length <= limit ? text : `${text.slice(0, limit - 1)}…`;
}
