import { registerHooks } from 'node:module';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openTracer, propagationOnlyTracer } from '../../src/tracing/open.ts';
import { KeptLog } from '../kept-log.ts';

const SETTINGS = { otlpUrl: '', queueSpans: 64, intervalMs: 1000, timeoutMs: 5000, ratio: 0 };
const PARTS = { instanceId: 'gateway-1', log: new KeptLog() };

/** The modules that are loaded while `use` runs. */
async function modulesLoadedBy(use: () => Promise<void>): Promise<string[]> {
  const loaded: string[] = [];
  const hooks = registerHooks({
    load: (url, context, nextLoad) => {
      loaded.push(url.slice(url.lastIndexOf('/') + 1));
      return nextLoad(url, context);
    },
  });
  try {
    await use();
  } finally {
    hooks.deregister();
  }
  return loaded;
}

// In this order: a module is loaded once.
test('without OTLP_URL nothing is loaded', async () => {
  const loaded = await modulesLoadedBy(async () => {
    assert.is(await openTracer(SETTINGS, PARTS), propagationOnlyTracer);
  });
  assert.equal(loaded, []);
});

test('with OTLP_URL the exporter is loaded', async () => {
  const loaded = await modulesLoadedBy(async () => {
    const tracer = await openTracer({ ...SETTINGS, otlpUrl: 'http://127.0.0.1:1' }, PARTS);
    await tracer.close();
  });
  assert.ok(loaded.includes('otlp.ts'), `${loaded}`);
});

test.run();
