import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parse } from 'yaml';

interface Service {
  readonly image?: string;
  readonly build?: unknown;
  readonly volumes?: readonly string[];
  readonly deploy?: {
    readonly resources: { readonly limits: { readonly cpus: string; readonly memory: string } };
  };
}

const ROOT = join(import.meta.dirname, '../..');

function servicesOf(path: string): Service[] {
  return Object.values(parse(readFileSync(join(ROOT, path), 'utf8'), { merge: true }).services);
}

const deployed = servicesOf('docker-compose.yml');

test('no service mounts a file of the clone, whose mode, label and path may vary', () => {
  for (const { volumes = [] } of deployed) {
    for (const volume of volumes) assert.match(volume, /^[a-z][\w-]*:/);
  }
});

test('each image is built by one service, and files from the clone are made readable', () => {
  for (const path of ['docker-compose.yml', 'bench/rinha/docker-compose.processors.yml']) {
    const built = servicesOf(path).filter(({ build }) => build !== undefined);
    const images = built.map(({ image }) => image);
    assert.equal(images, [...new Set(images)]);
    assert.ok(servicesOf(path).every(({ image }) => images.includes(image)));
  }
  for (const path of ['Dockerfile', 'lb/Dockerfile', 'ops/redis.Dockerfile']) {
    const stages = readFileSync(join(ROOT, path), 'utf8').split(/^FROM /m);
    const copiesFromClone = (stages.at(-1) ?? '').match(/^COPY (?!--from).*$/gm) ?? [];
    assert.ok(copiesFromClone.length === 0 || /^RUN chmod /m.test(stages.at(-1) ?? ''), path);
  }
});

test('all services together stay within 1.5 CPU and 350 MB', () => {
  const limits = deployed.map(({ deploy }) => deploy?.resources.limits);
  assert.ok(sum(limits.map((limit) => Number(limit?.cpus))) <= 1.5 + Number.EPSILON);
  assert.ok(sum(limits.map((limit) => Number(/^(\d+)M$/.exec(limit?.memory ?? '')?.[1]))) <= 350);
});

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

test.run();
