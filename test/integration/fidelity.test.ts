/** A few cases of `npm run test:fidelity`, a second each: whatever differs has its key in the journal. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nameOfCase, SHORT_CASES } from '../../scripts/fidelity/cases.ts';
import { faultsOf } from '../../scripts/fidelity/result.ts';
import { type FidelityStage, startFidelityStage } from '../../scripts/fidelity/stage.ts';

const SEED = 1;
const SECONDS = 1;

let stage: FidelityStage;

beforeAll(async () => {
  stage = await startFidelityStage();
});
afterAll(() => stage?.close());

describe('fidelity under load', () => {
  it.each(SHORT_CASES.map((one) => ({ name: nameOfCase(one), one })))('$name', async ({ one }) => {
    const result = await stage.run(one, { seconds: SECONDS, seed: SEED });
    expect(faultsOf(result)).toEqual([]);
  });
});
