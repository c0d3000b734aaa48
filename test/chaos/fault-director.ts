/** Makes the shadow and etcd misbehave, one seeded event after the other, and makes them well again at the end. */
import type { Etcd } from '../harness/etcd.ts';
import type { Fault, FaultyProxy } from '../harness/faulty-proxy.ts';
import type { Mariadb } from '../harness/mariadb.ts';
import type { Random } from '../harness/random.ts';

const KINDS = ['reads', 'writes', 'deletes'] as const;
const BAD_VALUES = ['101', '-1', 'all', '', '5.123'] as const;

export interface FaultDirectorOptions {
  readonly random: Random;
  readonly network: FaultyProxy;
  readonly shadow: Mariadb;
  readonly etcd: Etcd;
  /** The prefix of etcd's keys, with its last slash. */
  readonly prefix: string;
  readonly shard: string;
}

export class FaultDirector {
  /** What was done, for the report of a failure. */
  readonly history: string[] = [];
  readonly #options: FaultDirectorOptions;
  #shadow: 'up' | 'killed' | 'paused' = 'up';
  #etcd: 'up' | 'killed' = 'up';

  constructor(options: FaultDirectorOptions) {
    this.#options = options;
  }

  /** Does the next thing; resolves when it is done. */
  async step(): Promise<void> {
    const { random } = this.#options;
    const dice = random.next();
    if (dice < 0.35) await this.#changeNetwork(this.#fault());
    else if (dice < 0.5) await this.#changeNetwork({ mode: 'pass' });
    else if (dice < 0.7) await this.#changeShadow();
    else if (dice < 0.93) await this.#turnRatio();
    else await this.#changeEtcd();
  }

  /** Lifts every fault and sets all ratios to 100. */
  async heal(): Promise<void> {
    const { etcd, prefix, shard } = this.#options;
    await this.#changeNetwork({ mode: 'pass' });
    if (this.#shadow !== 'up') await this.#changeShadow();
    if (this.#etcd !== 'up') await this.#changeEtcd();
    for (const kind of KINDS) {
      await etcd.del(`${prefix}shards/${shard}/mirror/${kind}`);
      await etcd.put(`${prefix}mirror/${kind}`, '100');
    }
    this.history.push('healed');
  }

  #fault(): Fault {
    const { random } = this.#options;
    const seed = random.integer(1, 1_000_000);
    const afterBytes = random.integer(0, 3000);
    return random.pick<Fault>([
      { mode: 'latency', ms: random.integer(1, 60) },
      { mode: 'refuse' },
      { mode: 'hang' },
      { mode: 'garbage', afterBytes, seed },
      { mode: 'close', afterBytes },
      { mode: 'throttle', bytesPerSecond: random.integer(500, 50_000) },
      { mode: 'half-open' },
    ]);
  }

  async #changeNetwork(fault: Fault): Promise<void> {
    this.history.push(`network ${JSON.stringify(fault)}`);
    await this.#options.network.set(fault);
  }

  async #changeShadow(): Promise<void> {
    const { random, shadow } = this.#options;
    if (this.#shadow === 'killed') {
      await shadow.restart();
      this.#shadow = 'up';
    } else if (this.#shadow === 'paused') {
      shadow.resume();
      this.#shadow = 'up';
    } else if (random.chance(0.5)) {
      await shadow.kill9();
      this.#shadow = 'killed';
    } else {
      shadow.pause();
      this.#shadow = 'paused';
    }
    this.history.push(`shadow ${this.#shadow}`);
  }

  async #turnRatio(): Promise<void> {
    const { random, etcd, prefix, shard } = this.#options;
    const kind = random.pick(KINDS);
    const override = `${prefix}shards/${shard}/mirror/${kind}`;
    const key = random.chance(0.3) ? override : `${prefix}mirror/${kind}`;
    const good = random.pick(['0', '100', '100', (random.integer(0, 10_000) / 100).toFixed(2)]);
    const value = random.chance(0.15) ? random.pick(BAD_VALUES) : good;
    const remove = random.chance(0.15);
    if (this.#etcd !== 'up') return;
    this.history.push(remove ? `del ${override}` : `put ${key} ${value}`);
    if (remove) await etcd.del(override);
    else await etcd.put(key, value);
  }

  async #changeEtcd(): Promise<void> {
    const { etcd } = this.#options;
    if (this.#etcd === 'up') await etcd.kill9();
    else await etcd.restart();
    this.#etcd = this.#etcd === 'up' ? 'killed' : 'up';
    this.history.push(`etcd ${this.#etcd}`);
  }
}
