/** Certificates in use, and rereadings of them that failed. */
import type { Registry } from 'prom-client';
import { expose } from './exposition.ts';

/** A part of the configuration that has a certificate. */
export interface CertificateInUse {
  readonly place: string;
  /** Milliseconds since 1970. */
  readonly expiresAtMs: number;
}

export class TlsMetrics {
  /** The certificates in use; asked at each scrape. */
  certificates: () => readonly CertificateInUse[] = () => [];
  #failures = 0;

  get reloadFailures(): number {
    return this.#failures;
  }

  /** Files could not be read anew; what was in force before stays so. */
  reloadFailed(): void {
    this.#failures += 1;
  }
}

export function exposeTls(registry: Registry, tls: TlsMetrics): void {
  expose(
    registry,
    {
      name: 'understudy_tls_certificate_expiry_timestamp_seconds',
      help: 'When a certificate of ours stops being valid, seconds since 1970.',
      type: 'gauge',
      aggregator: 'min',
    },
    () =>
      tls.certificates().map(({ place, expiresAtMs }) => ({ labels: { place }, value: expiresAtMs / 1000 })),
  );
  expose(
    registry,
    {
      name: 'understudy_tls_reload_failures_total',
      help: 'Rereadings of certificates that failed; those before stay in force.',
      type: 'counter',
      aggregator: 'sum',
    },
    () => [{ labels: {}, value: tls.reloadFailures }],
  );
}
