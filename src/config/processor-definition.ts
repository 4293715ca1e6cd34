import { dirname, join, resolve } from 'node:path';
import type { Report } from './file-field.ts';
import type { ProcessorTarget } from './processor-target.ts';
import { PROCESSOR } from './processors-fields.ts';
import { basicAuthorization, EntryReading, type ProcessorDefaults, type Secrets } from './processors-file.ts';
import { readSecret } from './secret.ts';
import { fileValueOf } from './yaml-file.ts';

export type DefinitionReading = (
  | { readonly kind: 'ok'; readonly processor: ProcessorTarget }
  | { readonly kind: 'wrong'; readonly problems: readonly string[] }
) & {
  /** Those with the credentials that it names, whether they can be read or not. */
  readonly files: readonly string[];
};

export interface DefinitionParts {
  readonly defaults: ProcessorDefaults;
  /** The processors file, beside which contracts may be; empty if there is no such file. */
  readonly processorsFile: string;
  /** The directory with credentials; empty if there is no such directory. */
  readonly secretsDir: string;
}

/**
 * Reads a processor that operators have added, by the rules of the processors file and two more, because it comes over the
 * network: its credentials are files in one directory, and its contract is one that comes with the gateway or a module
 * beside the processors file. So it names nothing else of this machine.
 */
export function readDefinition(
  definition: unknown,
  { defaults, processorsFile, secretsDir }: DefinitionParts,
): DefinitionReading {
  const problems: string[] = [];
  const files = new Set<string>();
  const value = fileValueOf(definition);
  const report: Report = ({ text }) => problems.push(text);
  const written = PROCESSOR.read(value, '', report);
  const processor =
    written === undefined
      ? undefined
      : new EntryReading({
          path: processorsFile,
          defaults,
          secrets: secretsIn(secretsDir),
          isModuleAllowed: (path) =>
            processorsFile !== '' && isWithin(dirname(resolve(processorsFile)), path),
          report,
          onSecretFile: (file) => files.add(file),
        }).target({ written, value, path: '' });
  if (processor !== undefined && basicAuthorization(processor.url || 'http://none') !== '')
    problems.push('url has credentials: expected `credentials`, which names a file');
  if (processor !== undefined && problems.length === 0) return { kind: 'ok', processor, files: [...files] };
  return { kind: 'wrong', problems, files: [...files] };
}

function secretsIn(directory: string): Secrets {
  const pathOf = (name: string) => (directory === '' ? '' : join(directory, name));
  return {
    pathOf,
    read: (name) => {
      const problem = `${name} cannot be read, because PROCESSOR_SECRETS_DIR is not set at this gateway`;
      return directory === ''
        ? { kind: 'wrong', problem }
        : readSecret(name, { [`${name}_FILE`]: pathOf(name) });
    },
  };
}

function isWithin(directory: string, path: string): boolean {
  return path.startsWith(`${directory}/`);
}
