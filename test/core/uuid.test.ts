import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isUuid, readUuid, UUID_BYTES, writeUuid } from '../../src/core/uuid.ts';

const SAMPLE = '4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3';

test('a UUID is 16 bytes in the order of its digits', () => {
  const bytes = Buffer.alloc(UUID_BYTES);
  writeUuid(SAMPLE, bytes, 0);
  assert.is(bytes.toString('hex'), SAMPLE.replaceAll('-', ''));
});

test('it is written and read at an offset, and other bytes stay unchanged', () => {
  const bytes = Buffer.alloc(UUID_BYTES + 4, 0xee);
  writeUuid(SAMPLE, bytes, 2);
  assert.equal([...bytes.subarray(0, 2), ...bytes.subarray(-2)], [0xee, 0xee, 0xee, 0xee]);
  assert.is(readUuid(bytes, 2), SAMPLE);
  assert.is(readUuid(new Uint8Array(bytes), 2), SAMPLE);
});

test('either case is read as lower case', () => {
  const bytes = Buffer.alloc(UUID_BYTES);
  writeUuid(SAMPLE.toUpperCase(), bytes, 0);
  assert.is(readUuid(bytes, 0), SAMPLE);
});

test('any 16 bytes survive a round trip', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: UUID_BYTES, maxLength: UUID_BYTES }), (bytes) => {
      const text = readUuid(bytes, 0);
      assert.ok(isUuid(text));
      const again = Buffer.alloc(UUID_BYTES);
      writeUuid(text, again, 0);
      assert.equal([...again], [...bytes]);
    }),
  );
});

test('a UUID is 8-4-4-4-12 hexadecimal digits, of any version and either case', () => {
  assert.ok(isUuid(SAMPLE));
  assert.ok(isUuid(SAMPLE.toUpperCase()));
  assert.ok(isUuid('00000000-0000-0000-0000-000000000000'));
  assert.ok(isUuid('ffffffff-ffff-ffff-ffff-ffffffffffff'));
});

test('any other text is not a UUID', () => {
  const others = [
    '',
    SAMPLE.slice(1),
    `${SAMPLE}0`,
    ` ${SAMPLE}`,
    `${SAMPLE}\n`,
    `{${SAMPLE}}`,
    SAMPLE.replaceAll('-', ''),
    SAMPLE.replace('a', 'g'),
    SAMPLE.replace('-', '_'),
    '4a7901b87-d26-4d9d-aa19-4dc1c7cf60b3',
  ];
  for (const text of others) assert.not(isUuid(text), text);
});

test.run();
