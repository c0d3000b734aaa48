/** Whether a process is still heard of, counted in ticks of a second. Pure. */

/**
 * Ticks are counted rather than time: a process that was paused itself, or kept waiting by a busy machine, blames
 * nobody for what it did not hear meanwhile.
 */
export const SILENT_TICKS = 5;
/**
 * So long has no byte moved for any client of a worker, and their open transactions hold locks on the old server
 * (`docs/decisions/0007-workers.md`).
 */
export const HUNG_TICKS = 30;
/** Until its first word a process loads its files, which may take long on a busy machine. */
export const BOOT_TICKS = 60;

/** What a tick has changed: `silent` and `hung` are said once each. */
export type Beat = 'as_before' | 'silent' | 'hung';

export class Heartbeat {
  #ticks = 0;
  #spoken = false;

  get state(): 'heard' | 'silent' {
    return this.#spoken && this.#ticks >= SILENT_TICKS ? 'silent' : 'heard';
  }

  tick(): Beat {
    this.#ticks += 1;
    if (this.#ticks === (this.#spoken ? HUNG_TICKS : BOOT_TICKS)) return 'hung';
    return this.#spoken && this.#ticks === SILENT_TICKS ? 'silent' : 'as_before';
  }

  /** A word of the process has come; says how it was before. */
  heard(): 'heard' | 'silent' {
    const before = this.state;
    this.#spoken = true;
    this.#ticks = 0;
    return before;
  }
}
