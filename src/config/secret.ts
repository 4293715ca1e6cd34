import { readBoundedFile } from '../core/bounded-file.ts';
import { type Environment, shownValue } from '../core/environment.ts';
import { errorReason } from '../core/reason.ts';

/** What a variable that holds a secret says, or the file that `<name>_FILE` names. */
export type Secret =
  | { readonly kind: 'absent' }
  | { readonly kind: 'ok'; readonly text: string }
  /** One line that does not show the secret. */
  | { readonly kind: 'wrong'; readonly problem: string };

const FILE_MAX_BYTES = 65_536;

/** The file that `<name>_FILE` names; empty: none. */
export function secretPath(name: string, environment: Environment): string {
  return environment[`${name}_FILE`] ?? '';
}

/** Reads `name`, or the file whose path is in `<name>_FILE`, without the line break at its end. */
export function readSecret(name: string, environment: Environment): Secret {
  const text = environment[name];
  const fileName = `${name}_FILE`;
  const path = secretPath(name, environment);
  if (path === '') return text ? { kind: 'ok', text } : { kind: 'absent' };
  if (text) return { kind: 'wrong', problem: `${fileName} contradicts ${name}: unset one of them.` };
  try {
    const content = readBoundedFile(path, FILE_MAX_BYTES).replace(/\r?\n$/, '');
    if (content !== '') return { kind: 'ok', text: content };
    return { kind: 'wrong', problem: `${fileName}=${shownValue(path)} is invalid: the file is empty.` };
  } catch (error) {
    return {
      kind: 'wrong',
      problem: `${fileName}=${shownValue(path)} cannot be read: ${errorReason(error)}.`,
    };
  }
}
