import type { Edit } from '../../edits-hook.ts';
import type { Scenario } from './cluster-scenarios.ts';

/** A deliberate bug: replacements in files of `src/ledger/redis/`, each of a text that occurs there once. */
export interface ClusterMutant {
  readonly name: string;
  /** What finds it. */
  readonly scenario: Scenario;
  readonly edits: readonly Edit[];
}

const NO_COUNT = {
  file: 'library.ts',
  from: 'joinLua(luaFiles())',
  to: "joinLua(luaFiles()).replace('held ~= expected', 'false')",
};

const NO_ABSENT_KEY = { file: 'books.ts', from: 'slot === null ? []', to: 'slot !== -1 ? []' };

export const CLUSTER_MUTANTS: readonly ClusterMutant[] = [
  {
    name: 'a commit does not declare the keys of the time index',
    scenario: 'keyByKey',
    edits: [NO_ABSENT_KEY, { file: 'commit.ts', from: '...keys.timeIndex(settlements),', to: '' }],
  },
  {
    name: 'a call does not name the key that never exists',
    scenario: 'emptiedBeforeTheMove',
    edits: [NO_ABSENT_KEY],
  },
  {
    name: 'a commit declares one key, goes where ASK sends it, and does not count the keys there',
    scenario: 'onlyMetaHasArrived',
    edits: [
      NO_COUNT,
      NO_ABSENT_KEY,
      {
        file: 'books.ts',
        from: 'const all = [this.#meta, this.#processorsKey, ...keys, ...absent];',
        to: "const all = [this.#meta, ...(name === 'commit' ? [] : [this.#processorsKey, ...keys, ...absent])];",
      },
      {
        file: 'books.ts',
        from: "if (hasCode(error, 'ASK') || ",
        to: `if (hasCode(error, 'ASK')) {
          const { follow } = await import('../../../test/ledger/redis/follow-ask.ts');
          return follow(error.message, command);
        }
        if (`,
      },
    ],
  },
  {
    name: 'the keys are not counted',
    scenario: 'promotedMeanwhile',
    edits: [NO_COUNT],
  },
  {
    name: 'a reply is believed without the replicas',
    scenario: 'leftBehind',
    edits: [
      {
        file: 'books.ts',
        from: "if (this.#confirmation.kind !== 'replicas')",
        to: 'if (args !== undefined)',
      },
    ],
  },
];
