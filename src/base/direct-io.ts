/**
 * The short way over a TCP connection, past Node's stream layer: what is read lands in one buffer that all
 * connections share, and what is written goes to the kernel at once. The socket stays the owner of everything
 * else: its end, its errors, its closing.
 *
 * It rests on Node's own bindings, which are not a public interface; where they are not as expected, or the
 * environment variable UNDERSTUDY_SOCKETS is `stream`, `takeOver` answers null and the stream layer stays in use.
 */
import type { Socket } from 'node:net';
import { getSystemErrorName } from 'node:util';

export interface DirectHandler {
  /** The bytes are those of the shared buffer: what is needed after the call must be copied in it. */
  data(chunk: Buffer): void;
  /** The kernel has taken everything that was written. */
  drained(): void;
}

/** A write that the kernel could not take at once; libuv's uv_write_t as Node shows it. */
interface WriteRequest {
  oncomplete: ((status: number) => void) | null;
  /** Keeps the bytes from being collected. */
  buffer: Buffer | null;
}

/** Node's handle of a TCP connection. Calls answer 0, or a negative errno. */
interface TcpHandle {
  onread: (arrayBuffer: ArrayBuffer | undefined) => unknown;
  readonly writeQueueSize: number;
  useUserBuffer(buffer: Buffer): unknown;
  readStart(): number;
  readStop(): number;
  writeBuffer(request: WriteRequest, bytes: Buffer): number;
}

interface StreamBinding {
  readonly WriteWrap: new () => WriteRequest;
  /** Where the binding leaves what the last call had to say. */
  readonly streamBaseState: Int32Array;
  readonly kReadBytesOrError: number;
  readonly kLastWriteWasAsync: number;
}

/** What one read can bring: as much as Node's own reads. */
const READ_BYTES = 64 * 1024;
/** Larger chunks get memory of their own, so that a slow reader can't hold on to more than it was sent. */
const STAGED_MAX = 8 * 1024;
const STAGE_BYTES = 64 * 1024;
/** Views of so many bytes at most are kept: most commands and replies are short, and a view costs as much as a copy. */
const VIEWS_MAX = 1024;

const binding = findBinding();
const arrivals = Buffer.allocUnsafeSlow(READ_BYTES);
let stage = Buffer.allocUnsafeSlow(STAGE_BYTES);
let stageUsed = 0;
const arrivalViews: Buffer[] = [];
let stageViews: Buffer[] = [];
let spareRequest: WriteRequest | null = null;

export class DirectIo {
  readonly #socket: Socket;
  readonly #handle: TcpHandle;
  readonly #binding: StreamBinding;
  readonly #handler: DirectHandler;
  /** Writes that the kernel has not taken yet. */
  #waiting = 0;
  #reading = true;

  /** Null: the socket has something in its buffers, is no plain TCP connection, or this Node does not allow it. */
  static takeOver(socket: Socket, handler: DirectHandler): DirectIo | null {
    const handle = handleOf(socket);
    if (binding === null || handle === null) return null;
    if (socket.destroyed || socket.readableLength > 0 || socket.writableLength > 0) return null;
    if (socket.readableEnded || socket.writableEnded || socket.isPaused()) return null;
    return new DirectIo(socket, handle, binding, handler);
  }

  private constructor(socket: Socket, handle: TcpHandle, streams: StreamBinding, handler: DirectHandler) {
    this.#socket = socket;
    this.#handle = handle;
    this.#binding = streams;
    this.#handler = handler;
    const ofTheSocket = handle.onread;
    const { streamBaseState: state, kReadBytesOrError: at } = streams;
    handle.useUserBuffer(arrivals);
    handle.onread = (arrayBuffer) => {
      const count = state[at]!;
      // The end and errors are the socket's to tell.
      if (count <= 0) return ofTheSocket.call(handle, arrayBuffer);
      handler.data(view(arrivalViews, arrivals, 0, count));
      return undefined;
    };
  }

  /** False: the bytes are taken, but no more should follow before `drained`. They may be reused at once. */
  write(chunk: Buffer): boolean {
    const socket = this.#socket;
    if (socket.destroyed || socket.writableEnded || chunk.length === 0) return true;
    const bytes = staged(chunk);
    const request = spareRequest ?? new this.#binding.WriteWrap();
    spareRequest = null;
    const failed = this.#handle.writeBuffer(request, bytes);
    if (failed !== 0) {
      socket.destroy(systemError('write', failed));
      return true;
    }
    if (this.#binding.streamBaseState[this.#binding.kLastWriteWasAsync] === 0) {
      spareRequest = request;
      return this.#waiting === 0;
    }
    if (bytes.buffer === stage.buffer) useStage(bytes.length);
    request.buffer = bytes;
    request.oncomplete = this.#onWritten;
    this.#waiting++;
    return false;
  }

  pause(): void {
    if (!this.#reading || this.#socket.destroyed) return;
    this.#reading = false;
    this.#handle.readStop();
  }

  resume(): void {
    if (this.#reading || this.#socket.destroyed) return;
    this.#reading = true;
    this.#handle.readStart();
  }

  /** Bytes written that the kernel has not taken yet. */
  get unsentBytes(): number {
    return this.#socket.destroyed ? 0 : this.#handle.writeQueueSize;
  }

  readonly #onWritten = (status: number): void => {
    this.#waiting--;
    if (this.#socket.destroyed) return;
    if (status !== 0) this.#socket.destroy(systemError('write', status));
    else if (this.#waiting === 0) this.#handler.drained();
  };
}

/** A copy that stays as it is until the kernel has it; the stage's next bytes, used up only if it has to wait. */
function staged(chunk: Buffer): Buffer {
  const { length } = chunk;
  if (length > STAGED_MAX) return Buffer.from(chunk);
  if (stageUsed + length > STAGE_BYTES) {
    stage = Buffer.allocUnsafeSlow(STAGE_BYTES);
    useStage(-stageUsed);
  }
  chunk.copy(stage, stageUsed, 0, length);
  return view(stageViews, stage, stageUsed, length);
}

function useStage(bytes: number): void {
  stageUsed += bytes;
  stageViews = [];
}

/** The bytes of `memory` from `start` on; `kept` holds the views of that very start, by length. */
function view(kept: Buffer[], memory: Buffer, start: number, length: number): Buffer {
  if (length > VIEWS_MAX) return memory.subarray(start, start + length);
  const known = kept[length];
  if (known !== undefined) return known;
  const made = memory.subarray(start, start + length);
  kept[length] = made;
  return made;
}

function systemError(call: string, errno: number): NodeJS.ErrnoException {
  const code = getSystemErrorName(errno);
  return Object.assign(new Error(`${call} ${code}`), { errno, code, syscall: call });
}

function handleOf(socket: Socket): TcpHandle | null {
  const handle = (socket as unknown as { readonly _handle?: Partial<TcpHandle> | null })._handle;
  if (handle?.constructor?.name !== 'TCP' || typeof handle.onread !== 'function') return null;
  const calls = [handle.useUserBuffer, handle.readStart, handle.readStop, handle.writeBuffer];
  return calls.every((call) => typeof call === 'function') ? (handle as TcpHandle) : null;
}

function findBinding(): StreamBinding | null {
  if (process.env.UNDERSTUDY_SOCKETS === 'stream') return null;
  try {
    const { binding: find } = process as unknown as { binding(name: string): Partial<StreamBinding> };
    const found = find.call(process, 'stream_wrap');
    const { WriteWrap, streamBaseState, kReadBytesOrError, kLastWriteWasAsync } = found;
    const isWhole =
      typeof WriteWrap === 'function' &&
      ArrayBuffer.isView(streamBaseState) &&
      typeof kReadBytesOrError === 'number' &&
      typeof kLastWriteWasAsync === 'number';
    return isWhole ? (found as StreamBinding) : null;
  } catch {
    return null;
  }
}
