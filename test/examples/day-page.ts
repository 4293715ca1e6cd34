import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { marked } from 'marked';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** What docs/operators-day.md has its reader do, in its order. */
export type Step =
  | { readonly kind: 'command'; readonly command: string; readonly output: readonly string[] }
  | { readonly kind: 'picture'; readonly path: string };

/**
 * Commands are in code blocks. Those of `sh` have nothing else; in the others a command begins with `$ `, and what it prints
 * follows. A line that ends with a backslash continues.
 */
export function readSteps(): readonly Step[] {
  const page = readFileSync(`${ROOT}docs/operators-day.md`, 'utf8');
  const steps: Step[] = [];
  void marked.walkTokens(marked.lexer(page), (token) => {
    if (token.type === 'image') steps.push({ kind: 'picture', path: token['href'] });
    if (token.type !== 'code') return;
    for (const line of (token['text'] as string).replaceAll('\\\n', '').split('\n')) {
      const command = token['lang'] === 'sh' ? line : /^\$ (.*)/.exec(line)?.[1];
      const last = steps.at(-1);
      if (command !== undefined) steps.push({ kind: 'command', command, output: [] });
      else if (last?.kind === 'command') steps.splice(-1, 1, { ...last, output: [...last.output, line] });
      else throw new Error(`there is no command above: ${line}`);
    }
  });
  return steps;
}
