import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parse, parseAllDocuments } from 'yaml';
import { readConfig, settingsList } from '../../src/config/config.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

function read(path: string): string {
  return readFileSync(`${ROOT}${path}`, 'utf8');
}

/** Every variable is a setting, and all of them are right together. */
function assertSettings(environment: Readonly<Record<string, string>>): void {
  const names = new Set(settingsList().map(({ name }) => name));
  for (const name of Object.keys(environment)) assert.ok(names.has(name), name);
  const reading = readConfig(environment);
  assert.is(reading.kind, 'ok', JSON.stringify(reading));
}

interface Service {
  readonly environment?: Readonly<Record<string, string>>;
  readonly networks?: readonly string[] | Readonly<Record<string, { readonly ipv4_address: string }>>;
  readonly command?: readonly string[];
  readonly restart?: string;
}

const { services, volumes } = parse(read('deploy/cluster/docker-compose.yml'), { merge: true }) as {
  services: Record<string, Service>;
  volumes: Record<string, unknown>;
};
const named = (prefix: string) => Object.entries(services).filter(([name]) => name.startsWith(prefix));

test('the cluster has six nodes and four gateways, each with a volume', () => {
  assert.is(named('redis-').length, 6);
  assert.is(named('gateway-').length, 4);
  assert.is(Object.keys(volumes).length, 10);
});

test('the gateways of the cluster have settings that are known and right', () => {
  for (const [name, { environment = {} }] of named('gateway-')) {
    assertSettings(environment);
    assert.is(environment['INSTANCE_ID'], name);
    for (const [node] of named('redis-')) assert.ok(environment['LEDGER_URL']?.includes(node), node);
  }
});

test('the nodes are made one cluster by their addresses', () => {
  const script = services['cluster']?.command?.at(-1) ?? '';
  const addresses = named('redis-').map(([, { networks = {} }]) => Object.values(networks)[0].ipv4_address);
  assert.is(new Set(addresses).size, 6);
  for (const address of addresses) assert.ok(script.includes(address), address);
});

test('who pastes the commands of the README posts once a gateway is ready, and adds nodes that are new', () => {
  const [, first = '', ...others] = read('deploy/cluster/README.md').split(/^```$/m);
  const programs = first.trim().split('\n');
  assert.match(programs[0] ?? '', / up --build -d$/);
  assert.match(programs[1] ?? '', /^until curl .*\/readyz; /);
  assert.match(programs[2] ?? '', /\/payments -d/);
  const grow = others.find((block) => block.includes('add-node')) ?? '';
  for (const [, address] of grow.matchAll(/add-node (\S+):6379/g)) {
    assert.match(address ?? '', /^10\.77\.0\.1[78]$/);
    for (const [name, { networks = {} }] of named('redis-'))
      assert.is.not(Object.values(networks)[0].ipv4_address, address, name);
  }
  assert.match(grow, /--network cluster_ledger --ip 10\.77\.0\.1\$n .* redis-server \/etc\/redis\.conf/s);
});

test('a Redis of the cluster confirms, keeps and never evicts', () => {
  const lines = read('deploy/cluster/redis.conf').split('\n');
  for (const line of [
    'cluster-enabled yes',
    'cluster-require-full-coverage no',
    'appendonly yes',
    'appendfsync always',
    'maxmemory-policy noeviction',
  ]) {
    assert.ok(lines.includes(line), line);
  }
});

test('the load balancer of the cluster is that of lb/ with other gateways', () => {
  const [, edited = ''] = /'s\|(server unix:[^|]*)\|/.exec(read('deploy/cluster/nginx.Dockerfile')) ?? [];
  assert.match(read('lb/nginx.conf'), new RegExp(edited));
});

interface Resource {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec?: Record<string, unknown>;
}

const resources = parseAllDocuments(read('deploy/kubernetes/gateway.yaml')).map(
  (each) => each.toJS() as Resource,
);
const kustomization = parse(read('deploy/kubernetes/kustomization.yaml'));
const statefulSet = resources.find(({ kind }) => kind === 'StatefulSet') as unknown as {
  readonly spec: {
    readonly serviceName: string;
    readonly volumeClaimTemplates: readonly { readonly metadata: { readonly name: string } }[];
    readonly template: { readonly spec: Pod };
  };
};
interface Pod {
  readonly serviceAccountName: string;
  readonly automountServiceAccountToken: boolean;
  readonly terminationGracePeriodSeconds: number;
  readonly securityContext: Readonly<Record<string, unknown>>;
  readonly volumes: readonly { readonly name: string }[];
  readonly containers: readonly [Container];
}
interface Container {
  readonly env: readonly { readonly name: string; readonly value?: string }[];
  readonly envFrom: readonly { readonly configMapRef: { readonly name: string } }[];
  readonly volumeMounts: readonly { readonly name: string }[];
  readonly [probe: `${string}Probe`]: { readonly httpGet: { readonly path: string } };
}
const pod = statefulSet.spec.template.spec;
const [container] = pod.containers;

test('the gateways in Kubernetes have settings that are known and right', () => {
  const [generated] = kustomization.configMapGenerator;
  assert.equal(
    container.envFrom.map(({ configMapRef }) => configMapRef.name),
    [generated.name],
  );
  const literals = (generated.literals as string[]).map((line) => {
    const at = line.indexOf('=');
    return [line.slice(0, at), line.slice(at + 1)] as const;
  });
  const own = container.env.map(({ name, value }) => [name, value ?? 'gateway-0'] as const);
  assertSettings(Object.fromEntries([...literals, ...own]));
});

test('probes ask routes that exist, and there is time to stop', () => {
  const { paths } = parse(read('openapi.yaml'));
  for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe'] as const) {
    assert.ok((container[probe]?.httpGet.path ?? '') in paths, probe);
  }
  assert.ok(pod.terminationGracePeriodSeconds >= 15);
});

test('the journal is on a volume of its own, and everything that is mounted is there', () => {
  const claimed = statefulSet.spec.volumeClaimTemplates.map(({ metadata }) => metadata.name);
  assert.equal(claimed, ['journal']);
  const there = [...claimed, ...pod.volumes.map(({ name }) => name)];
  for (const { name } of container.volumeMounts) assert.ok(there.includes(name), name);
});

test('a drain takes one gateway at a time, and a gateway has no rights', () => {
  const kinds = resources.map(({ kind }) => kind).sort();
  assert.equal(kinds, ['PodDisruptionBudget', 'Service', 'Service', 'ServiceAccount', 'StatefulSet']);
  assert.is(resources.find(({ kind }) => kind === 'PodDisruptionBudget')?.spec?.['maxUnavailable'], 1);
  const account = resources.find(({ kind }) => kind === 'ServiceAccount');
  assert.is(pod.serviceAccountName, account?.metadata.name);
  assert.is(pod.automountServiceAccountToken, false);
  assert.is(pod.securityContext['runAsNonRoot'], true);
  assert.ok(
    resources.some(
      ({ kind, metadata }) => kind === 'Service' && metadata.name === statefulSet.spec.serviceName,
    ),
  );
});

test('kubectl renders it, and every selector finds the gateways, if kubectl is here to do so', () => {
  const { error, status, stdout, stderr } = spawnSync('kubectl', ['kustomize', `${ROOT}deploy/kubernetes`], {
    encoding: 'utf8',
  });
  if (error !== undefined) return;
  assert.is(status, 0, stderr);
  const rendered = parseAllDocuments(stdout).map((each) => each.toJS());
  const labels = rendered.find(({ kind }) => kind === 'StatefulSet').spec.template.metadata.labels;
  const selectors = rendered.flatMap(({ spec }) =>
    spec?.selector ? [spec.selector.matchLabels ?? spec.selector] : [],
  );
  assert.is(selectors.length, 4);
  for (const selector of selectors) {
    assert.ok(Object.keys(selector).length > 0);
    for (const [name, value] of Object.entries(selector)) assert.is(labels[name], value);
  }
});

test.run();
