import { spawnSync } from 'node:child_process';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const OPEN_URL = new URL('../../src/tracing/open.ts', import.meta.url).href;

/** Prints each module that opening a tracer loads. */
const SCRIPT = `
  import { registerHooks } from 'node:module';
  const { openTracer } = await import('${OPEN_URL}');
  registerHooks({
    load: (url, context, nextLoad) => {
      console.log(url);
      return nextLoad(url, context);
    },
  });
  const settings = { otlpUrl: process.argv[1], queueSpans: 64, intervalMs: 1000, timeoutMs: 5000, ratio: 0 };
  const tracer = await openTracer(settings, { instanceId: 'gateway-1', log: console });
  await tracer.close();
`;

/** In a process of its own, because a module that another test has loaded is not loaded again. */
function modulesLoadedWith(otlpUrl: string): string {
  const options = ['--disable-warning=ExperimentalWarning', '--input-type=module', '--eval', SCRIPT];
  const { status, stdout, stderr } = spawnSync(process.execPath, [...options, otlpUrl], { encoding: 'utf8' });
  assert.is(status, 0, stderr);
  return stdout;
}

test('without OTLP_URL the exporter is not loaded', () => {
  assert.is(modulesLoadedWith(''), '');
});

test('with OTLP_URL the exporter is loaded', () => {
  assert.match(modulesLoadedWith('http://127.0.0.1:1'), '/src/tracing/otlp.ts\n');
});

test.run();
