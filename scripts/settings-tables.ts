import type { Setting } from '../src/config/setting.ts';
import { SECTIONS } from '../src/config/settings.ts';
import { table } from './markdown.ts';

const HEAD = ['setting', 'unit', 'default', 'expected', 'what it does'];

/** The tables of docs/settings.md, one for each section. */
export function settingsTables(): string {
  return Object.entries(SECTIONS)
    .map(
      ([title, section]) =>
        `## ${title}\n\n${table(HEAD, rowsOf(Object.entries<Setting<unknown>>(section)))}`,
    )
    .join('\n\n');
}

function rowsOf(settings: readonly (readonly [name: string, setting: Setting<unknown>])[]): string[][] {
  return settings.map(([name, { unit, default: standard, expected, about }]) => {
    return [`\`${name}\``, unit, standard === '' ? '' : `\`${standard}\``, expected, about];
  });
}

const BLOCK = /(?<=<!-- settings -->\n\n).*(?=\n\n<!-- \/settings -->)/s;

/** docs/settings.md with its tables up to date. */
export function settingsPage(page: string): string {
  return page.replace(BLOCK, () => settingsTables());
}
