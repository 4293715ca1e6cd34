import { existsSync, readFileSync } from 'node:fs';
import type { Usage } from './deployment.ts';

const ROOT = '/sys/fs/cgroup';
const NS_PER_MS = 1_000_000;
const US_PER_MS = 1_000;

/** The cgroup (v1 or v2) of a container: the resources it has used, and how often its quota throttled it. */
export class Cgroup {
  readonly #part: string;
  /** Directory of a controller; version 2 has one for all. */
  readonly #directory: (controller: string) => string;
  readonly #unified = existsSync(`${ROOT}/cgroup.controllers`);

  /** `pid` is any process of the container. It is read only now, and the cgroup survives a restart of the container. */
  constructor(part: string, pid: number) {
    this.#part = part;
    const lines = readFileSync(`/proc/${pid}/cgroup`, 'latin1').trim().split('\n');
    const paths = new Map<string, string>();
    for (const line of lines) {
      const [, controllers = '', path = ''] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
      for (const controller of controllers.split(',')) paths.set(controller, path);
    }
    this.#directory = this.#unified
      ? () => `${ROOT}${paths.get('')}`
      : (controller) => `${ROOT}/${controller}${paths.get(controller)}`;
  }

  usage(): Usage {
    const cpu = this.#fields('cpu', 'cpu.stat');
    const memory = this.#fields('memory', 'memory.stat');
    const inactive = memory.get(this.#unified ? 'inactive_file' : 'total_inactive_file');
    const current = this.#number('memory', this.#unified ? 'memory.current' : 'memory.usage_in_bytes');
    const cpuMs = this.#unified
      ? (cpu.get('usage_usec') ?? 0) / US_PER_MS
      : (this.#number('cpuacct', 'cpuacct.usage') ?? 0) / NS_PER_MS;
    return {
      part: this.#part,
      cpuMs,
      periods: cpu.get('nr_periods') ?? null,
      throttledPeriods: cpu.get('nr_throttled') ?? null,
      memoryBytes: current === null ? null : current - (inactive ?? 0),
    };
  }

  #number(controller: string, file: string): number | null {
    const text = this.#read(controller, file);
    return text === '' ? null : Number(text);
  }

  #fields(controller: string, file: string): Map<string, number> {
    const lines = this.#read(controller, file).split('\n');
    return new Map(
      lines.map((line) => {
        const [name = '', value = ''] = line.split(' ');
        return [name, Number(value)];
      }),
    );
  }

  /** Empty if the file is unreadable or the container is gone. */
  #read(controller: string, file: string): string {
    try {
      return readFileSync(`${this.#directory(controller)}/${file}`, 'latin1');
    } catch {
      return '';
    }
  }
}
