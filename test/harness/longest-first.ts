/** In which order the files run: the longest first, so that the run does not end with one of them alone. */
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** By what they take, the longest first. What stands behind is in vitest's own order. */
const LONGEST: readonly string[] = [
  'test/integration/clients.test.ts',
  'test/integration/package.test.ts',
  'test/integration/demo-clean.test.ts',
  'test/integration/sync-command.test.ts',
  'test/integration/sync-repair-values.test.ts',
  'test/integration/limits.test.ts',
  'test/integration/tls.test.ts',
];

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const named = LONGEST.flatMap((name) => sorted.filter(({ moduleId }) => moduleId.endsWith(`/${name}`)));
    return [...new Set([...named, ...sorted])];
  }
}
