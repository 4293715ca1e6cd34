import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type FilesReading, FileWatch, type FileWatchParts } from '../../src/core/file-watch.ts';
import { KeptLog } from '../kept-log.ts';
import { ManualClock } from '../manual-clock.ts';
import { until } from '../system/until.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

const LOOK_MS = 500;
const SOON_MS = 10_000;

class Watch extends FileWatch {
  readings = 0;
  next: FilesReading;

  constructor(parts: FileWatchParts) {
    super(parts);
    this.next = { files: parts.files, problems: [] };
  }

  protected override async read(): Promise<FilesReading> {
    this.readings++;
    return this.next;
  }
}

interface World {
  readonly watch: Watch;
  readonly log: KeptLog;
  readonly told: boolean[];
  readonly path: (name: string) => string;
  write(name: string): void;
  look(): Promise<void>;
}

async function watching(use: (world: World) => Promise<void>): Promise<void> {
  const directory = temporaryDirectory();
  const path = (name: string) => join(directory, name);
  const write = (name: string) => {
    writeFileSync(path('new'), 'the same');
    renameSync(path('new'), path(name));
  };
  const [clock, log, told] = [new ManualClock(), new KeptLog(), [] as boolean[]];
  write('a');
  const watch = new Watch({
    files: [path('a')],
    lookEveryMs: LOOK_MS,
    clock,
    log,
    began: 'wrong',
    ended: 'right',
    onReading: (isWrong) => told.push(isWrong),
  });
  const settled = () => until('a look has ended', SOON_MS, () => clock.pending === 1);
  try {
    watch.start();
    await settled();
    await use({
      watch,
      log,
      told,
      path,
      write,
      async look() {
        clock.pass(LOOK_MS);
        await settled();
      },
    });
  } finally {
    watch.stop();
  }
}

test('files are read at the first look, and then when they change, come or go', () =>
  watching(async ({ watch, told, log, write, path, look }) => {
    assert.is(watch.readings, 1);
    await look();
    assert.is(watch.readings, 1);
    write('a');
    await look();
    assert.is(watch.readings, 2, 'another file of the same content and size');
    rmSync(path('a'));
    await look();
    await look();
    assert.is(watch.readings, 3);
    write('a');
    await look();
    assert.equal([watch.readings, told, log.lines], [4, [false, false, false, false], []]);
  }));

test('files that could not be read are read again at each look, and each problem is logged once', () =>
  watching(async ({ watch, told, log, write, look }) => {
    const { files } = watch.next;
    watch.next = { files, problems: ['no descriptor is left'] };
    write('a');
    await look();
    await look();
    assert.equal([watch.readings, log.lines], [3, ['error wrong']]);
    watch.next = { files, problems: ['not YAML'] };
    await look();
    watch.next = { files, problems: [] };
    await look();
    await look();
    assert.equal([watch.readings, told], [5, [false, true, true, true, false]]);
    assert.equal(log.lines, ['error wrong', 'error wrong', 'info right']);
  }));

test('a reading says which files to look at', () =>
  watching(async ({ watch, write, path, look }) => {
    watch.next = { files: [path('a'), path('b')], problems: [] };
    write('a');
    await look();
    await look();
    const { readings } = watch;
    write('b');
    await look();
    assert.is(watch.readings, readings + 1);
  }));

test.run();
