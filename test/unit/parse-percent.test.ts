import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parsePercent } from '../../src/control/parse-percent.ts';

test.each([
  ['0', 0],
  ['25', 25],
  ['100', 100],
  ['100.00', 100],
  ['0.01', 0.01],
  ['33.3', 33.3],
  [' 12.5\n', 12.5],
  ['\t7\r\n', 7],
])('%j is a percent', (text, percent) => {
  expect(parsePercent(text)).toEqual({ ok: true, percent });
});

test.each([
  ['', 'is empty'],
  ['  \n', 'is empty'],
  ['-1', 'is below 0'],
  ['-0', 'is below 0'],
  ['100.01', 'is above 100'],
  ['101', 'is above 100'],
  ['12.345', 'has more than two decimals'],
  ['25%', 'is not a plain number'],
  ['1e1', 'is not a plain number'],
  ['0x10', 'is not a plain number'],
  ['+5', 'is not a plain number'],
  ['.5', 'is not a plain number'],
  ['5.', 'is not a plain number'],
  ['1,5', 'is not a plain number'],
  ['1 0', 'is not a plain number'],
  ['NaN', 'is not a plain number'],
  ['Infinity', 'is not a plain number'],
  ['٢٥', 'is not a plain number'],
  ['1'.repeat(65), 'is longer than 64 characters'],
])('%j is refused: %s', (text, reason) => {
  expect(parsePercent(text)).toEqual({ ok: false, reason });
});

test('every hundredth from 0 to 100 is read back as it was written', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 10_000 }), fc.constantFrom('', ' ', '\n'), (hundredths, blank) => {
      const percent = hundredths / 100;
      expect(parsePercent(`${blank}${percent}${blank}`)).toEqual({ ok: true, percent });
    }),
  );
});

test('any text is either a number from 0 to 100 or refused', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const parsed = parsePercent(text);
      return !parsed.ok || (parsed.percent >= 0 && parsed.percent <= 100);
    }),
  );
});
