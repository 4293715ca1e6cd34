import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseJsonObject } from '../../src/core/json-object.ts';

test('an object has its members, and nothing else is one', () => {
  assert.equal(parseJsonObject(' {"a": 1, "b": [null]} '), { a: 1, b: [null] });
  for (const text of ['', 'null', '1', '"{}"', '[{}]', '{', '{} {}', '{a: 1}'])
    assert.is(parseJsonObject(text), null, text);
});

test.run();
