/** Counts as a row of small bars. */
const BARS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const;

/** One character for each of `width` equal parts of `counts`; a blank for none, the tallest bar for the most. */
export function sparkline(counts: readonly number[], width: number): string {
  const size = counts.length / width;
  const parts = Array.from({ length: width }, (_, index) =>
    counts
      .slice(Math.round(index * size), Math.round((index + 1) * size))
      .reduce((sum, count) => sum + count, 0),
  );
  const most = Math.max(...parts, 1);
  return parts
    .map((count) => (count === 0 ? ' ' : (BARS[Math.ceil((count / most) * BARS.length) - 1] ?? '')))
    .join('');
}
