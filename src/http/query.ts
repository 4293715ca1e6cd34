import { isOneEditApart } from '../core/edit-distance.ts';
import { type Problem, problem } from './problem.ts';

/**
 * The problem with a query string that has an unknown parameter, or null. If a misspelled bound were ignored, it would
 * silently widen the window.
 */
export function unknownParameter(query: string, known: readonly string[]): Problem | null {
  const field = [...new URLSearchParams(query).keys()].find((name) => !known.includes(name));
  if (field === undefined) return null;
  const near = known.find((name) => isOneEditApart(name, field.toLowerCase()));
  const names = known.map((name) => `\`${name}\``).join(', ');
  const detail =
    known.length === 0
      ? 'This path takes no query parameters.'
      : `This path does not have this query parameter: ${near === undefined ? `expected ${names}.` : `did you mean \`${near}\`?`}`;
  return problem('unknown-parameter', { field: field.slice(0, FIELD_MAX), detail });
}

/** The most characters of an unknown name that the response repeats. */
const FIELD_MAX = 64;
