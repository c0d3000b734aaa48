/**
 * A client of etcd with a bound on every call.
 *
 * etcd3's own retries, circuit breaker and login are set aside where they would keep us from noticing
 * that etcd is back, or would never end: its breaker holds a lone host off for five seconds, its login
 * opens a channel each time and closes none, and a call with a token that etcd has forgotten (each
 * restart of etcd forgets them) is repeated without end.
 */
import { rootCertificates } from 'node:tls';
import { Etcd3, type IOptions } from 'etcd3';
import type { EtcdSettings } from '../config/load.ts';
import { controlRanges } from './control-ranges.ts';
import { CALL_TIMEOUT_MS } from './etcd-error.ts';
import { checkEtcdSettings } from './etcd-settings.ts';
import type { KeyValue } from './ratio-ledger.ts';

type FaultHandling = NonNullable<IOptions['faultHandling']>;
type Policy = NonNullable<FaultHandling['global']>;
type CallOptions = Exclude<NonNullable<IOptions['defaultCallOptions']>, (...args: never[]) => unknown>;
type Interceptor = NonNullable<CallOptions['interceptors']>[number];

/** More keys than 1024 shards, three kinds and any sane number of proxies make. */
const MAX_KEYS = 8192;

const CHANNEL_OPTIONS = {
  // A connection that went silent must not be handed out again after a reset, so none is shared.
  'grpc.use_local_subchannel_pool': 1,
  'grpc.enable_channelz': 0,
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 3000,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.min_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1000,
  'grpc.max_receive_message_length': 16 * 1024 * 1024,
};

export interface EtcdRead {
  readonly revision: number;
  readonly keys: readonly KeyValue[];
}

/** An etcd client, logged in where an account is configured. Close it after the first failed call. */
export interface EtcdClient {
  readonly etcd: Etcd3;
  /** All keys under `prefix` but those of the sync's jobs, as of one revision. */
  read(prefix: string): Promise<EtcdRead>;
  /** True once etcd has said that it does not know our login (any more). */
  loginForgotten(): boolean;
  close(): void;
}

/**
 * Connects and logs in. Rejects when no host answers within `CALL_TIMEOUT_MS` each, and with UsageError
 * for settings that contradict each other.
 */
export async function openEtcd(settings: EtcdSettings): Promise<EtcdClient> {
  checkEtcdSettings(settings);
  const session: Session = { token: undefined, stale: false };
  const etcd = new Etcd3(clientOptions(settings, session));
  try {
    if (settings.user !== undefined) {
      const reply = await etcd.auth.authenticate({ name: settings.user, password: settings.password ?? '' });
      session.token = reply.token;
    }
  } catch (error) {
    etcd.close();
    throw error;
  }
  return {
    etcd,
    read: (prefix) => readPrefix(etcd, prefix),
    loginForgotten: () => session.stale,
    close: () => etcd.close(),
  };
}

async function readPrefix(etcd: Etcd3, prefix: string): Promise<EtcdRead> {
  const success = controlRanges(prefix).map((range) => ({ request_range: { ...range, limit: MAX_KEYS } }));
  const reply = await etcd.kv.txn({ success });
  const answers = reply.responses.map(({ response_range }) => response_range);
  const keys = answers.flatMap(({ kvs }) => kvs);
  if (keys.length > MAX_KEYS || answers.some(({ more }) => more))
    throw new Error(`there are more than ${MAX_KEYS} keys under ${prefix}`);
  return {
    revision: Number(reply.header.revision),
    keys: keys.map((item) => ({
      key: item.key.toString('utf8'),
      value: item.value.toString('utf8'),
      modRevision: item.mod_revision,
    })),
  };
}

interface Session {
  token: string | undefined;
  stale: boolean;
}

function clientOptions(settings: EtcdSettings, session: Session): IOptions {
  const secure = settings.hosts.every((host) => host.startsWith('https:'));
  const single = settings.hosts.length === 1;
  return {
    hosts: [...settings.hosts],
    grpcOptions: {
      ...CHANNEL_OPTIONS,
      ...(settings.serverName === undefined ? {} : { 'grpc.ssl_target_name_override': settings.serverName }),
    },
    ...(secure ? { credentials: tlsCredentials(settings) } : {}),
    defaultCallOptions: (context) => {
      if (session.stale) throw new Error('etcd no longer knows our login');
      const interceptors = [loginInterceptor(session)];
      return context.isStream ? { interceptors } : { interceptors, deadline: Date.now() + CALL_TIMEOUT_MS };
    },
    faultHandling: {
      global: attempts(settings.hosts.length),
      ...(single ? { host: () => attempts(1) } : {}),
    },
  };
}

function tlsCredentials(settings: EtcdSettings): NonNullable<IOptions['credentials']> {
  return {
    rootCertificate: settings.ca ?? Buffer.from(rootCertificates.join('\n')),
    ...(settings.key === undefined ? {} : { privateKey: settings.key }),
    ...(settings.certificate === undefined ? {} : { certChain: settings.certificate }),
  };
}

/** Sends the token with each call, and takes note when etcd does not know it any more. */
function loginInterceptor(session: Session): Interceptor {
  return (options, nextCall) => {
    const call = nextCall(options);
    const start = call.start.bind(call);
    call.start = (metadata, listener) => {
      if (session.token !== undefined) metadata.set('token', session.token);
      start(metadata, {
        ...listener,
        onReceiveStatus: (status) => {
          if (status.details.includes('invalid auth token')) session.stale = true;
          listener?.onReceiveStatus?.(status);
        },
      });
    };
    // The declared type is grpc-js's own class, but an interceptor may hand on any call of this shape.
    return call as ReturnType<Interceptor>;
  };
}

/** Tries up to `count` times, which etcd3 spreads over the hosts. */
function attempts(count: number): Policy {
  const silent: Policy['onSuccess'] = () => ({ dispose: () => undefined });
  const execute = async <T>(task: (context: { signal: AbortSignal }) => PromiseLike<T> | T): Promise<T> => {
    const { signal } = new AbortController();
    for (let left = count; ; left -= 1) {
      try {
        return await task({ signal });
      } catch (error) {
        if (left <= 1) throw error;
      }
    }
  };
  return { onSuccess: silent, onFailure: silent, execute } as unknown as Policy;
}
