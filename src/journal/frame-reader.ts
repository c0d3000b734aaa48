/** Reads the frames of a file, a piece at a time, so that other work has its turn in between. */
import type { Disk } from './disk.ts';
import { FRAME_BYTES_MAX, FRAME_HEAD_BYTES, frameEnd } from './frame.ts';

export interface FramesRead {
  /** Where it stopped: behind the last frame that was visited. */
  readonly position: number;
  /**
   * `end`: everything was read, or the visitor had enough. `torn`: what follows is the beginning of a frame, or
   * zeros: what was being written when the process or the machine stopped. `broken`: something else is damaged;
   * those frames were visited that could be found.
   */
  readonly how: 'end' | 'torn' | 'broken';
}

/** The payload is only good during the call. Where it answers `stop` the reader stays before this frame. */
export type FrameVisitor = (bytes: Buffer, payload: number, end: number, position: number) => 'more' | 'stop';

/** From `position` to `until` or the end of the file. Rejects with the disk's errors. */
export async function readFrames(
  disk: Disk,
  fd: number,
  position: number,
  until: number,
  visit: FrameVisitor,
): Promise<FramesRead> {
  // Room for a damaged frame and the one behind it.
  const buffer = Buffer.allocUnsafe(2 * FRAME_BYTES_MAX);
  let start = position;
  let filled = 0;
  let how: FramesRead['how'] = 'end';
  for (;;) {
    const room = Math.min(buffer.length - filled, until - start - filled);
    const count = room <= 0 ? 0 : await disk.read(fd, buffer, filled, room, start + filled);
    filled += count;
    let at = 0;
    while (at < filled) {
      const end = frameEnd(buffer, at, filled);
      if (typeof end !== 'number') {
        if (count > 0) break;
        const next = findFrame(buffer, at + 1, filled);
        if (next === null)
          return { position: start + at, how: how === 'end' ? tail(buffer, at, filled) : how };
        how = 'broken';
        at = next;
      } else if (visit(buffer, at + FRAME_HEAD_BYTES, end, start + at) === 'stop') {
        return { position: start + at, how };
      } else {
        at = end;
      }
    }
    if (count === 0 && at === filled) return { position: start + at, how };
    buffer.copyWithin(0, at, filled);
    filled -= at;
    start += at;
  }
}

/** The next sound frame behind a damaged one, whose length may be the damage. */
function findFrame(bytes: Buffer, from: number, filled: number): number | null {
  for (let at = from; at + FRAME_HEAD_BYTES < filled; at++) {
    if (typeof frameEnd(bytes, at, filled) === 'number') return at;
  }
  return null;
}

function tail(bytes: Buffer, at: number, filled: number): 'torn' | 'broken' {
  const rest = bytes.subarray(at, filled);
  if (rest.length < FRAME_HEAD_BYTES || rest.every((byte) => byte === 0)) return 'torn';
  return frameEnd(bytes, at, filled) === 'more' ? 'torn' : 'broken';
}
