import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { adapted } from '../../../bench/rinha/nginx.ts';

const deployed = readFileSync(join(import.meta.dirname, '../../../lb/nginx.conf'), 'utf8');
const place = { directory: '/run/here', sockets: ['/run/here/one.sock', '/run/here/two.sock'], port: 12_345 };

test('the moved configuration uses the new port, directory and sockets', () => {
  const moved = adapted(deployed, place);
  assert.match(moved, 'listen 127.0.0.1:12345 backlog=4096;');
  assert.match(moved, 'server unix:/run/here/one.sock');
  assert.match(moved, 'server unix:/run/here/two.sock');
  assert.match(moved, 'pid /run/here/nginx.pid;');
  assert.match(moved, 'client_body_temp_path /run/here/body;');
  assert.not.match(moved, '/tmp/');
  assert.not.match(moved, '/run/dinossauro');
});

test('everything else stays unchanged', () => {
  const lines = (text: string) => text.split('\n').length;
  assert.is(lines(adapted(deployed, place)), lines(deployed));
  assert.match(adapted(deployed, place), 'proxy_next_upstream error timeout http_503 non_idempotent;');
});

test.run();
