import * as assert from 'uvu/assert';

/** A metric family as described in the text. */
interface ReadFamily {
  readonly type: string;
  readonly unit: string;
}

export interface Read {
  readonly families: ReadonlyMap<string, ReadFamily>;
  /** Values by sample as written: `name{labels}`. */
  readonly samples: ReadonlyMap<string, number>;
}

const DESCRIPTION = /^# (TYPE|UNIT|HELP) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$/;
const LABEL = '[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\\\\n]|\\\\[\\\\n"])*"';
const SAMPLE = new RegExp(`^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\\{(${LABEL}(?:,${LABEL})*)\\})? (\\S+)$`);
const NUMBER = /^(?:-?\d+(?:\.\d+)?(?:e[+-]?\d+)?|[+-]Inf|NaN)$/;
const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  counter: ['_total'],
  gauge: [''],
  info: ['_info'],
  histogram: ['_bucket', '_count', '_sum'],
};

/**
 * Reads OpenMetrics 1.0 strictly. Fails unless families are contiguous and described first, names fit type and unit,
 * samples are unique, buckets rise up to the count, and `# EOF` comes last.
 */
export function readStrictly(text: string): Read {
  const lines = text.split('\n');
  assert.equal(lines.slice(-2), ['# EOF', ''], 'ends in # EOF and a line feed');
  const families = new Map<string, { type: string; unit: string }>();
  const samples = new Map<string, number>();
  let name = '';
  let isDescribed = false;
  for (const line of lines.slice(0, -2)) {
    const [, word = '', described = '', said = ''] = DESCRIPTION.exec(line) ?? [];
    if (word === 'TYPE') {
      assert.not(families.has(described), `twice: ${described}`);
      assert.ok(Object.hasOwn(SUFFIXES, said), line);
      families.set(described, { type: said, unit: '' });
      [name, isDescribed] = [described, false];
    } else if (word !== '') {
      assert.is(described, name, line);
      assert.not(isDescribed, `a description behind its samples: ${line}`);
      const family = families.get(name);
      if (word === 'UNIT' && family !== undefined) family.unit = said;
      if (word === 'UNIT') assert.ok(name.endsWith(`_${said}`), line);
    } else {
      isDescribed = true;
      readSample(line, name, families.get(name)?.type ?? '', samples);
    }
  }
  checkHistograms(families, samples);
  return { families, samples };
}

function readSample(line: string, family: string, type: string, samples: Map<string, number>): void {
  const [, name = '', labels = '', value = ''] = SAMPLE.exec(line) ?? [];
  assert.ok(name !== '', `no sample: ${line}`);
  assert.ok(name.startsWith(family) && SUFFIXES[type]?.includes(name.slice(family.length)), line);
  assert.match(value, NUMBER, line);
  const number = Number(value.replace('Inf', 'Infinity'));
  if (type === 'counter' || type === 'histogram') assert.ok(number >= 0, line);
  const key = labels === '' ? name : `${name}{${labels}}`;
  assert.not(samples.has(key), `twice: ${key}`);
  samples.set(key, number);
}

function checkHistograms(families: Read['families'], samples: Read['samples']): void {
  for (const [name, { type }] of families) {
    if (type !== 'histogram') continue;
    const buckets = new Map<string, { bound: number; count: number }[]>();
    for (const [key, count] of samples) {
      const [, others = '', le = ''] =
        new RegExp(`^${name}_bucket\\{(.*?),?le="([^"]+)"\\}$`).exec(key) ?? [];
      if (le === '') continue;
      if (le !== '+Inf') assert.match(le, /^(\d+\.\d+|\de-\d\d)$/, 'a bound in its canonical spelling');
      const bound = Number(le.replace('Inf', 'Infinity'));
      buckets.set(others, [...(buckets.get(others) ?? []), { bound, count }]);
    }
    for (const [others, row] of buckets) {
      const suffix = others === '' ? '' : `{${others}}`;
      for (const [index, { bound, count }] of row.entries()) {
        const before = row[index - 1] ?? { bound: -1, count: 0 };
        assert.ok(bound > before.bound && count >= before.count, `${name} ${others} ${bound}`);
      }
      assert.is(row.at(-1)?.bound, Number.POSITIVE_INFINITY);
      assert.is(row.at(-1)?.count, samples.get(`${name}_count${suffix}`));
      assert.ok(samples.has(`${name}_sum${suffix}`));
    }
  }
}
