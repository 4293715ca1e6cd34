import { test } from 'uvu';
import { checkImports, checkMigrations } from './folded-moves.ts';

test('folded books of many kinds answer the same after an export and an import', () =>
  checkImports([10, 11, 12, 13, 14]));

test('folded books of many kinds answer the same after a migration', () => checkMigrations([20, 21, 22]));

test.run();
