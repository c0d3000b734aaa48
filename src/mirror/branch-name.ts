/** The name of a distributed transaction's branch, as its statements spell it. */
import type { Lexed } from '../sql/lexed.ts';
import type { XaStep } from '../sql/xa-step.ts';

/** Parts of a name: its global one, the branch's own, and the number of its format. */
const PARTS_MAX = 3;

/** Null: it is not told. One name may be spelt in several ways, which are not taken for the same. */
export function branchName(step: XaStep | null, sql: Buffer, lexed: Lexed): string | null {
  if (step === null || step.slots.length === 0 || step.slots.length > PARTS_MAX) return null;
  const parts: string[] = [];
  for (let index = 0; index < lexed.literalCount; index++) {
    if (!step.slots.includes(lexed.literalSlot(index))) continue;
    if (lexed.literalOrdinal(index) >= 0) return null;
    parts.push(sql.toString('latin1', lexed.literalStart(index), lexed.literalEnd(index)));
  }
  return parts.length === step.slots.length ? parts.join(',') : null;
}
