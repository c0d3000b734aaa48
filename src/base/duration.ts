/** Lengths of time as people write them: `90s`, `15m`, `1h`, `2d`. */
const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds; null where the text is none. */
export function parseDuration(text: string): number | null {
  const [, digits, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  const unitMs = unit === undefined ? undefined : UNIT_MS[unit];
  return digits === undefined || unitMs === undefined ? null : Number(digits) * unitMs;
}
