// Imported before a test is run with a mutant, whose name is in the environment.
import assert from 'node:assert';
import { hookEdits } from '../edits-hook.ts';
import { MUTANTS } from './mutants.ts';

const mutant = MUTANTS.find(({ name }) => name === process.env['MUTANT']);
assert.ok(mutant !== undefined, 'MUTANT names no mutant');
hookEdits(new URL('../../src/', import.meta.url), [mutant]);
