import type { Setting } from '../src/config/setting.ts';
import { SECTIONS } from '../src/config/settings.ts';

/** The tables of docs/settings.md, one for each section. */
export function settingsTables(): string {
  return Object.entries(SECTIONS)
    .map(([title, section]) => `## ${title}\n\n${table(Object.entries<Setting<unknown>>(section))}`)
    .join('\n\n');
}

function table(settings: readonly (readonly [name: string, setting: Setting<unknown>])[]): string {
  return [
    '| setting | unit | default | expected | what it does |',
    '|---|---|---|---|---|',
    ...settings.map(([name, { unit, default: standard, expected, about }]) => {
      const cell = standard === '' ? '' : `\`${standard}\``;
      return `| \`${name}\` | ${unit} | ${cell} | ${expected} | ${about} |`;
    }),
  ].join('\n');
}

const BLOCK = /(?<=<!-- settings -->\n\n).*(?=\n\n<!-- \/settings -->)/s;

/** docs/settings.md with its tables up to date. */
export function settingsPage(page: string): string {
  return page.replace(BLOCK, () => settingsTables());
}
