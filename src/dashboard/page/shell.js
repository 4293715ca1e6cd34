import { fitTables } from './element.js';
import { startHelp } from './help.js';
import { startTheme } from './theme.js';

/** What every page has: its place among the pages, the theme, the help, and tables that fit. @param {() => void} [onTheme] */
export function startShell(onTheme = () => {}) {
  for (const link of document.querySelectorAll('nav a'))
    if (link instanceof HTMLAnchorElement && link.pathname === location.pathname)
      link.setAttribute('aria-current', 'page');
  startTheme(onTheme);
  startHelp();
  addEventListener('resize', fitTables);
}
