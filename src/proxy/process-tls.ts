/** TLS of one process, whichever of its three sides have it, and the rereading of its certificates. */
import { ClusterTls } from '../base/cluster-tls.ts';
import { messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Config } from '../config/load.ts';
import type { CertificateInUse, TlsMetrics } from '../observe/tls-metrics.ts';
import { type SessionTls, sessionTls } from './session-tls.ts';
import { TlsAcceptor } from './tls-acceptor.ts';

interface Part {
  readonly place: string;
  readonly tls: TlsAcceptor | ClusterTls;
}

export class ProcessTls {
  readonly sessions: SessionTls | null;
  readonly old: ClusterTls | null;
  /** To the new cluster. */
  readonly fresh: ClusterTls | null;
  readonly #parts: readonly Part[];

  /** Throws UsageError where a file is not what it should be. */
  constructor(config: Config) {
    const { listen, oldTls, newTls, loginTimeoutMs } = config;
    const acceptor = listen.tls === undefined ? null : new TlsAcceptor(listen.tls, loginTimeoutMs);
    this.old = oldTls === undefined ? null : new ClusterTls(oldTls);
    this.fresh = newTls === undefined ? null : new ClusterTls(newTls);
    this.sessions = sessionTls(acceptor, this.old);
    this.#parts = [
      ...(acceptor === null ? [] : [{ place: 'listen.tls', tls: acceptor }]),
      ...(this.old === null ? [] : [{ place: 'oldTls', tls: this.old }]),
      ...(this.fresh === null ? [] : [{ place: 'newTls', tls: this.fresh }]),
    ];
  }

  certificates(): CertificateInUse[] {
    return this.#parts.flatMap(({ place, tls }) =>
      tls.expiresAtMs === null ? [] : [{ place, expiresAtMs: tls.expiresAtMs }],
    );
  }

  /** Reads all certificates anew, for connections to come. A part whose files are not right keeps what it had. */
  reload(log: Log, metrics: TlsMetrics): void {
    for (const { place, tls } of this.#parts) {
      reread(place, log, metrics, () => {
        tls.reload();
        return tls.expiresAtMs;
      });
    }
  }
}

/** Rereads one part's certificates and tells of it; `reload` says when they end, and where it throws they stay as they were. */
export function reread(place: string, log: Log, metrics: TlsMetrics, reload: () => number | null): void {
  try {
    const expiresAt = isoTime(reload());
    log.info({ place, expiresAt }, 'the certificates were read anew');
  } catch (error) {
    metrics.reloadFailed();
    log.error(
      { place, reason: messageOf(error) },
      'the certificates could not be read anew: those before stay in force',
    );
  }
}

function isoTime(atMs: number | null): string | undefined {
  return atMs === null ? undefined : new Date(atMs).toISOString();
}
