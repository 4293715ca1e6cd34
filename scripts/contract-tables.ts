import type { Contract } from '../src/processor/contract.ts';
import type { OptionTable } from '../src/processor/contracts/options.ts';
import { REST_ASYNC_OPTIONS, REST_OPTIONS } from '../src/processor/contracts/rest-options.ts';
import { CAREFUL_RULES } from '../src/processor/contracts/rest-statuses.ts';
import { SHIPPED_CONTRACTS } from '../src/processor/open-contract.ts';
import { table } from './markdown.ts';

/** The generated parts of docs/contracts.md, by the name in their marks. */
const PARTS: Readonly<Record<string, () => string>> = {
  proofs: proofsTables,
  statuses: statusesTable,
  'rest options': () => optionsTable(REST_OPTIONS),
  'rest-async options': () => {
    const own = Object.entries(REST_ASYNC_OPTIONS).filter(([name]) => !Object.hasOwn(REST_OPTIONS, name));
    return optionsTable(Object.fromEntries(own));
  },
};

const BLOCK = /(?<=<!-- ([a-z -]+) -->\n\n).*?(?=\n\n<!-- \/\1 -->)/gs;

/** docs/contracts.md with its tables up to date. */
export function contractsPage(page: string): string {
  return page.replace(BLOCK, (old, name: string) => PARTS[name]?.() ?? old);
}

function proofsTables(): string {
  return [...SHIPPED_CONTRACTS]
    .map(([name, open]) => proofsTable(name, open({ options: {}, authorization: '' })))
    .join('\n\n');
}

function proofsTable(name: string, { proofs }: Contract): string {
  const rows = proofs.map(({ seen, means, why }) => [seen, means, why]);
  return `### \`${name}\`\n\n${table(['seen', 'means', 'why'], rows)}`;
}

function statusesTable(): string {
  const rows = CAREFUL_RULES.map(({ statuses, meaning, why }) => [
    statuses.join(', '),
    `\`${meaning}\``,
    why,
  ]);
  return table(['status', 'outcome', 'why'], rows);
}

function optionsTable(options: OptionTable): string {
  const rows = Object.entries(options).map(([name, { default: standard, expected, about }]) => {
    const shown = typeof standard === 'string' ? standard : JSON.stringify(standard);
    return [`\`${name}\``, shown === '' ? '' : `\`${shown}\``, expected, about];
  });
  return table(['option', 'default', 'expected', 'what it says'], rows);
}
