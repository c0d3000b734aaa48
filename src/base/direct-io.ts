/**
 * The short way over a TCP connection, past Node's stream layer: what is read lands in one buffer that all
 * connections share, and what is written goes to the kernel at once. Everything else (its end, its errors, its
 * closing) stays with the connection's owner.
 */
import type { Socket } from 'node:net';
import {
  isTcpHandle,
  systemError,
  type TcpBinding,
  type TcpHandle,
  tcpBinding,
  type WriteRequest,
} from './tcp-binding.ts';

export interface DirectHandler {
  /** The bytes are those of the shared buffer: what is needed after the call must be copied in it. */
  data(chunk: Buffer): void;
  /** The kernel has taken everything that was written. */
  drained(): void;
}

/** Whose connection it is: a socket, or a stream of ours. */
export interface DirectOwner {
  readonly destroyed: boolean;
  readonly writableEnded: boolean;
  /** A write came to nothing, and so will all that follow; what had arrived before can still be read. Called once. */
  writeFailed(error: Error): void;
}

/** What one read can bring: as much as Node's own reads. */
const READ_BYTES = 64 * 1024;
/** Larger chunks have a stage of their own, one each: a slow reader holds on to a stage for what it was sent. */
const STAGED_MAX = 8 * 1024;
const STAGE_BYTES = 64 * 1024;
/** Views of so many bytes at most are kept: most commands and replies are short, and a view costs as much as a copy. */
const VIEWS_MAX = 1024;
/** Of longer ones the latest few lengths are: the rows of one statement come in the same lengths over and over. */
const LONG_VIEWS = 256;

const arrivals = Buffer.allocUnsafeSlow(READ_BYTES);
let stage = Buffer.allocUnsafeSlow(STAGE_BYTES);
let stageUsed = 0;
const arrivalViews: Buffer[] = [];
let stageViews: Buffer[] = [];
let longStage = Buffer.allocUnsafeSlow(STAGE_BYTES);
const longViews: Buffer[] = new Array<Buffer>(LONG_VIEWS).fill(arrivals);
let longStageViews: Buffer[] = new Array<Buffer>(LONG_VIEWS).fill(longStage);
let spareRequest: WriteRequest | null = null;

type EndListener = (count: number, arrayBuffer: ArrayBuffer | undefined) => void;

/** A handle that knows who reads from it. */
type OwnHandle = TcpHandle & { directIo?: DirectIo };

export class DirectIo {
  readonly #owner: DirectOwner;
  readonly #handle: TcpHandle;
  readonly #binding: TcpBinding;
  readonly #handler: DirectHandler;
  readonly #ended: EndListener;
  /** Writes that the kernel has not taken yet. */
  #waiting = 0;
  #reading = true;
  #writing: 'possible' | 'failed' = 'possible';

  /** Null: the socket has something in its buffers, is no plain TCP connection, or this Node does not allow it. */
  static takeOver(
    socket: Socket,
    handler: DirectHandler,
    owner: DirectOwner = new SocketOwner(socket),
  ): DirectIo | null {
    const { _handle: handle } = socket as unknown as { readonly _handle?: unknown };
    if (tcpBinding === null || !isTcpHandle(handle)) return null;
    if (socket.destroyed || socket.readableLength > 0 || socket.writableLength > 0) return null;
    if (socket.readableEnded || socket.writableEnded || socket.isPaused()) return null;
    const ofTheSocket = handle.onread;
    return new DirectIo(tcpBinding, handle, owner, handler, (_count, arrayBuffer) => {
      ofTheSocket.call(handle, arrayBuffer);
    });
  }

  /** The handle must be read from already, or be about to be; `ended` hears of the end and of errors (a negative errno). */
  constructor(
    binding: TcpBinding,
    handle: OwnHandle,
    owner: DirectOwner,
    handler: DirectHandler,
    ended: EndListener,
  ) {
    this.#owner = owner;
    this.#handle = handle;
    this.#binding = binding;
    this.#handler = handler;
    this.#ended = ended;
    handle.useUserBuffer(arrivals);
    handle.directIo = this;
    handle.onread = onread;
  }

  /** The handle was read; called by itself alone. */
  arrived(arrayBuffer: ArrayBuffer | undefined): void {
    const { streamBaseState, kReadBytesOrError } = this.#binding;
    const count = streamBaseState[kReadBytesOrError]!;
    if (count > 0) this.#handler.data(arrived(count));
    else if (count < 0) this.#ended(count, arrayBuffer);
  }

  /** False: the bytes are taken, but no more should follow before `drained`. They may be reused at once. */
  write(chunk: Buffer): boolean {
    const owner = this.#owner;
    if (owner.destroyed || owner.writableEnded || chunk.length === 0) return true;
    if (this.#writing === 'failed') return true;
    const bytes = staged(chunk);
    const request = spareRequest ?? new this.#binding.WriteWrap();
    spareRequest = null;
    const failed = this.#handle.writeBuffer(request, bytes);
    if (failed !== 0) {
      this.#fail(failed);
      return true;
    }
    if (this.#binding.streamBaseState[this.#binding.kLastWriteWasAsync] === 0) {
      spareRequest = request;
      return this.#waiting === 0;
    }
    if (bytes.buffer === stage.buffer) useStage(bytes.length);
    else if (bytes.buffer === longStage.buffer) useLongStage();
    request.buffer = bytes;
    request.oncomplete = (written) => this.#onWritten(written);
    this.#waiting++;
    return false;
  }

  pause(): void {
    if (!this.#reading || this.#owner.destroyed) return;
    this.#reading = false;
    this.#handle.readStop();
  }

  resume(): void {
    if (this.#reading || this.#owner.destroyed) return;
    this.#reading = true;
    this.#handle.readStart();
  }

  /** Bytes written that the kernel has not taken yet. */
  get unsentBytes(): number {
    return this.#owner.destroyed || this.#writing === 'failed' ? 0 : this.#handle.writeQueueSize;
  }

  #onWritten(status: number): void {
    this.#waiting--;
    if (this.#owner.destroyed) return;
    if (status !== 0) this.#fail(status);
    else if (this.#waiting === 0) this.#handler.drained();
  }

  #fail(status: number): void {
    if (this.#writing === 'failed') return;
    this.#writing = 'failed';
    this.#owner.writeFailed(systemError('write', status));
  }
}

/** One function for all handles, which is called on the one that was read: a closure each costs more. */
function onread(this: OwnHandle, arrayBuffer: ArrayBuffer | undefined): undefined {
  this.directIo?.arrived(arrayBuffer);
  // What is given back here would be taken for the next buffer.
  return undefined;
}

/** A socket that ends with the first write that fails, as Node's sockets do. */
class SocketOwner implements DirectOwner {
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  get destroyed(): boolean {
    return this.#socket.destroyed;
  }

  get writableEnded(): boolean {
    return this.#socket.writableEnded;
  }

  writeFailed(error: Error): void {
    this.#socket.destroy(error);
  }
}

/** A copy that stays as it is until the kernel has it; the stage's next bytes, used up only if it has to wait. */
function staged(chunk: Buffer): Buffer {
  const { length } = chunk;
  if (length > STAGE_BYTES) return Buffer.from(chunk);
  if (length > STAGED_MAX) {
    chunk.copy(longStage, 0, 0, length);
    return longView(longStageViews, longStage, length);
  }
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

function useLongStage(): void {
  longStage = Buffer.allocUnsafeSlow(STAGE_BYTES);
  longStageViews = new Array<Buffer>(LONG_VIEWS).fill(longStage);
}

function arrived(count: number): Buffer {
  return count > VIEWS_MAX ? longView(longViews, arrivals, count) : view(arrivalViews, arrivals, 0, count);
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

/** The first bytes of `memory`; `kept` holds views of it, each in the place that its length shares with others. */
function longView(kept: Buffer[], memory: Buffer, length: number): Buffer {
  const place = length % LONG_VIEWS;
  const known = kept[place]!;
  if (known.length === length) return known;
  const made = memory.subarray(0, length);
  kept[place] = made;
  return made;
}
