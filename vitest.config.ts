import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/harness/longest-first.ts';

/** Tests wait for their servers for half of their time; and each file may start servers of some 100 MB. */
const FILES_AT_ONCE = Math.min(2 * availableParallelism(), 8);
/** A short run of a chaos suite is like an integration test; a full one measures, and has the machine for itself. */
const isShort = process.env.UNDERSTUDY_CHAOS === 'short';

const serverTests = {
  // Children end with the thread that started them, so that thread must be the process itself.
  pool: 'forks' as const,
  globalSetup: ['test/harness/global-setup.ts'],
  // A bound for what never ends: longer than the waits of a test, which say what they wait for.
  testTimeout: 150_000,
  hookTimeout: 180_000,
  teardownTimeout: 20_000,
};

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          pool: 'forks',
          testTimeout: 60_000,
          maxWorkers: FILES_AT_ONCE,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          ...serverTests,
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          maxWorkers: FILES_AT_ONCE,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          ...serverTests,
          name: 'chaos',
          include: ['test/chaos/**/*.test.ts'],
          testTimeout: 600_000,
          maxWorkers: isShort ? FILES_AT_ONCE : 1,
          sequence: { groupOrder: isShort ? 0 : 1 },
        },
      },
    ],
  },
});
