/** Live settings, whatever their source. */
import type { Log } from '../base/log.ts';
import type { Config, EtcdSettings } from '../config/load.ts';
import type { ControlSnapshot } from '../config/ratios.ts';

export interface Control {
  /** The settings in force. Never waits; before `start` these are the file's. */
  current(): ControlSnapshot;
  /** Called with each new snapshot: new values, a new revision, or the source lost or found again. */
  onChange(listener: (snapshot: ControlSnapshot) => void): void;
  /**
   * Resolves when the first values are in or the first attempt at them has failed, within a bounded
   * time either way. Never rejects: without its source the proxy runs on the file's ratios.
   */
  start(): Promise<void>;
  /** etcd is to be reached by these settings from now on; a source of another kind has no use for them. */
  renew(etcd: EtcdSettings): void;
  stop(): Promise<void>;
}

/** What a control tells the metrics. */
export interface ControlMetrics {
  /** Set to whether the source can be reached. */
  connected: boolean;
  /** A value (etcd) or a whole content (file) was refused: its key, or the file. */
  rejected(what: string): void;
}

export interface ControlOptions {
  readonly config: Config;
  readonly log: Log;
  readonly metrics: ControlMetrics;
  /** Milliseconds since 1970. */
  readonly clock?: () => number;
}
