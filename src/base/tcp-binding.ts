/**
 * Node's own TCP handles, below its stream layer. They are not a public interface: where they are not as
 * expected, or the environment variable UNDERSTUDY_SOCKETS is `stream`, there is no binding, and whoever asks
 * goes by Node's sockets instead.
 */
import { getSystemErrorName } from 'node:util';

/** A request that libuv answers later: a write, a shutdown, a connect. */
export interface Request {
  oncomplete: ((status: number) => void) | null;
}

export interface WriteRequest extends Request {
  /** Keeps the bytes from being collected. */
  buffer: Buffer | null;
}

export interface SocketName {
  address?: string;
  port?: number;
}

/** A TCP connection. Calls answer 0, or a negative errno. */
export interface TcpHandle {
  onread: (arrayBuffer: ArrayBuffer | undefined) => unknown;
  readonly writeQueueSize: number;
  useUserBuffer(buffer: Buffer): unknown;
  readStart(): number;
  readStop(): number;
  writeBuffer(request: WriteRequest, bytes: Buffer): number;
  shutdown(request: Request): number;
  connect(request: Request, address: string, port: number): number;
  connect6(request: Request, address: string, port: number): number;
  setNoDelay(on: boolean): number;
  setKeepAlive(on: boolean, delaySeconds: number): number;
  getpeername(name: SocketName): number;
  getsockname(name: SocketName): number;
  close(done: () => void): void;
  /** As `close`, but the other side sees a reset. */
  reset(done: () => void): number;
}

interface StreamBinding {
  readonly WriteWrap: new () => WriteRequest;
  readonly ShutdownWrap: new () => Request;
  /** Where the binding leaves what the last call had to say. */
  readonly streamBaseState: Int32Array;
  readonly kReadBytesOrError: number;
  readonly kLastWriteWasAsync: number;
}

interface TcpConnectionBinding {
  readonly TCP: { new (type: number): TcpHandle; readonly prototype: TcpHandle };
  readonly TCPConnectWrap: new () => Request;
  readonly constants: { readonly SOCKET: number };
}

export type TcpBinding = StreamBinding & TcpConnectionBinding;

const HANDLE_CALLS = [
  'useUserBuffer',
  'readStart',
  'readStop',
  'writeBuffer',
  'shutdown',
  'connect',
  'connect6',
  'setNoDelay',
  'setKeepAlive',
  'getpeername',
  'getsockname',
  'close',
  'reset',
] as const;

/** What a read answers at the end of the stream: libuv's UV_EOF. */
export const END_OF_STREAM = -4095;

/** Null: this Node has none, or must not use it. */
export const tcpBinding: TcpBinding | null = findBinding();

export function systemError(call: string, errno: number): NodeJS.ErrnoException {
  const code = getSystemErrorName(errno);
  return Object.assign(new Error(`${call} ${code}`), { errno, code, syscall: call });
}

/** Of the class whose methods the binding was checked for. */
export function isTcpHandle(handle: unknown): handle is TcpHandle {
  return tcpBinding !== null && handle instanceof tcpBinding.TCP;
}

function findBinding(): TcpBinding | null {
  if (process.env.UNDERSTUDY_SOCKETS === 'stream') return null;
  try {
    const { binding: find } = process as unknown as { binding(name: string): Partial<TcpBinding> };
    const { WriteWrap, ShutdownWrap, streamBaseState, kReadBytesOrError, kLastWriteWasAsync } = find.call(
      process,
      'stream_wrap',
    );
    const { TCP, TCPConnectWrap, constants } = find.call(process, 'tcp_wrap');
    const isWhole =
      [WriteWrap, ShutdownWrap, TCP, TCPConnectWrap].every((made) => typeof made === 'function') &&
      HANDLE_CALLS.every((call) => typeof TCP?.prototype[call] === 'function') &&
      ArrayBuffer.isView(streamBaseState) &&
      [kReadBytesOrError, kLastWriteWasAsync, constants?.SOCKET].every((value) => typeof value === 'number');
    if (!isWhole) return null;
    return {
      WriteWrap,
      ShutdownWrap,
      streamBaseState,
      kReadBytesOrError,
      kLastWriteWasAsync,
      TCP,
      TCPConnectWrap,
      constants,
    } as TcpBinding;
  } catch {
    return null;
  }
}
