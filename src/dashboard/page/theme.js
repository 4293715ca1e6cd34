import { byId, element } from './element.js';

const THEMES = /** @type {const} */ (['system', 'light', 'dark']);
const KEY = 'dinossauro-theme';

/** Light, dark, or the system's theme; remembered by this browser. @param {() => void} onChange */
export function startTheme(onChange) {
  const button = byId('theme');
  let theme = THEMES.find((name) => name === localStorage.getItem(KEY)) ?? 'system';
  const show = () => {
    document.documentElement.dataset['theme'] = theme;
    // A phone has no room for the first word.
    button.replaceChildren(element('span', 'roomy', 'Theme: '), theme);
    onChange();
  };
  button.onclick = () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? 'system';
    localStorage.setItem(KEY, theme);
    show();
  };
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', onChange);
  show();
}
