/** The files by which we and etcd know each other, and the reading of them while the proxy runs. */
import { readTlsMaterial, secureContextOf, type TlsFiles } from '../base/tls-files.ts';
import type { EtcdSettings } from '../config/load.ts';

export class EtcdCertificates {
  readonly #settings: EtcdSettings;
  readonly #files: TlsFiles;
  #expiresAtMs: number | null = null;

  /** Null: no file is named. Throws UsageError where one is not what it should be. */
  static of(settings: EtcdSettings): EtcdCertificates | null {
    const { ca, certificate } = settings.files;
    if (ca === undefined && certificate === undefined) return null;
    const certificates = new EtcdCertificates(settings);
    certificates.reread();
    return certificates;
  }

  private constructor(settings: EtcdSettings) {
    this.#settings = settings;
    this.#files = settings.files;
  }

  /** When our own certificate stops being valid, milliseconds since 1970; null where we show none. */
  get expiresAtMs(): number | null {
    return this.#expiresAtMs;
  }

  /** The settings with what the files hold now. Throws UsageError where one is not what it should be. */
  reread(): EtcdSettings {
    const material = readTlsMaterial(this.#files);
    secureContextOf(this.#files.place, material);
    this.#expiresAtMs = material.expiresAtMs;
    return { ...this.#settings, ca: material.ca, certificate: material.cert, key: material.key };
  }
}
