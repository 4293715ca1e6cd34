import { isOneEditApart } from '../core/edit-distance.ts';
import { type Problem, problem } from './problem.ts';

/**
 * The answer to a query string with a parameter that the path does not have, or null. A misspelled bound that were
 * ignored would widen a window without a word.
 */
export function unknownParameter(query: string, known: readonly string[]): Problem | null {
  const field = [...new URLSearchParams(query).keys()].find((name) => !known.includes(name));
  if (field === undefined) return null;
  const near = known.find((name) => isOneEditApart(name, field.toLowerCase()));
  const names = known.map((name) => `\`${name}\``).join(', ');
  const detail =
    known.length === 0
      ? 'This path takes no query parameters.'
      : `This path has no such parameter: ${near === undefined ? `expected ${names}.` : `did you mean \`${near}\`?`}`;
  return problem('unknown-parameter', { field: field.slice(0, FIELD_MAX), detail });
}

/** What is echoed of a name that a client made up. */
const FIELD_MAX = 64;
