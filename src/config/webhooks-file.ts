import { isLocal } from '../core/address.ts';
import type { Environment } from '../core/environment.ts';
import { isWebhookSecret } from '../core/webhook-signature.ts';
import { type Field, list, mapping, scalar } from './file-field.ts';
import { readSecret } from './secret.ts';
import { alternatives } from './setting.ts';
import { type FileProblem, problemLine, readYaml } from './yaml-file.ts';

/** An endpoint that gets events. */
export interface WebhookTarget {
  readonly name: string;
  readonly url: string;
  /** Each signs every message, so that receivers can change from one to another. */
  readonly secrets: readonly string[];
  /** Empty: all. */
  readonly types: readonly string[];
}

export type WebhooksFileReading =
  | { readonly kind: 'ok'; readonly webhooks: readonly WebhookTarget[] }
  | { readonly kind: 'wrong'; readonly problems: readonly string[] };

const EVENT_TYPES = [
  'payment.settled',
  'payment.rejected',
  'processor.added',
  'processor.removed',
  'processor.paused',
  'processor.resumed',
  'processor.fee-changed',
  'processor.limits-changed',
  'processor.circuit-opened',
  'processor.circuit-closed',
] as const;
const WEBHOOKS_MAX = 16;
const SECRETS_MAX = 4;
const NAME = /^[a-z0-9-]{1,32}$/;
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;

const EVENT_TYPE: Field<string> = scalar({
  about: 'A type of events.',
  expected: alternatives(EVENT_TYPES),
  schema: { enum: EVENT_TYPES },
  parse: (text) => EVENT_TYPES.find((type) => type === text),
});

const WEBHOOK = mapping({
  about: 'One endpoint.',
  required: ['name', 'url', 'secrets'],
  members: {
    name: scalar({
      about: 'By which the ledger knows how far it has come, so do not rename it.',
      expected: '1 to 32 of `a-z 0-9 -`, each name once',
      schema: { type: 'string', pattern: NAME.source },
      parse: (text) => (NAME.test(text) ? text : undefined),
    }),
    url: scalar({
      about: 'Where events are posted to.',
      expected: 'an https URL, or an http URL of this machine, without credentials or a fragment',
      schema: { type: 'string' },
      isUrl: true,
      parse: parseEndpoint,
    }),
    secrets: list({
      about: 'What signs the messages; several while they rotate.',
      item: scalar({
        about: 'The name of an environment variable with a secret, such as `whsec_…`.',
        expected: 'the name of an environment variable',
        schema: { type: 'string', pattern: VARIABLE.source },
        parse: (text) => (VARIABLE.test(text) ? text : undefined),
      }),
      max: SECRETS_MAX,
    }),
    types: list({ about: 'Which events. Default: all.', item: EVENT_TYPE, max: EVENT_TYPES.length }),
  },
});

const WEBHOOKS_FILE = mapping({
  about: 'The endpoints that get events (`WEBHOOKS_FILE`).',
  required: ['webhooks'],
  members: { webhooks: list({ about: 'The endpoints.', item: WEBHOOK, max: WEBHOOKS_MAX }) },
});

/** Reads the file, and the secrets that it names from the environment. Reports everything that is wrong, one line each. */
export function readWebhooksFile(path: string, environment: Environment): WebhooksFileReading {
  const problems: FileProblem[] = [];
  const reading = readYaml(path);
  if (reading.kind === 'wrong') problems.push(...reading.problems);
  const root = reading.kind === 'ok' ? reading.root : null;
  const { webhooks = [] } = (root && WEBHOOKS_FILE.read(root, '', (problem) => problems.push(problem))) ?? {};
  const targets: WebhookTarget[] = [];
  for (const [index, written] of webhooks.entries()) {
    const { name = '', url = '', secrets = [], types = [] } = written ?? {};
    const at = `webhooks[${index}]`;
    if (targets.some((other) => other.name === name))
      problems.push({
        line: 0,
        text: `${at}.name: ${name} is listed more than once: expected each name once`,
      });
    const read = secrets.flatMap((variable) => {
      const secret = variable === undefined ? { kind: 'absent' as const } : readSecret(variable, environment);
      if (secret.kind === 'ok' && isWebhookSecret(secret.text)) return [secret.text];
      const fault =
        secret.kind === 'wrong'
          ? secret.problem.replace(/\.$/, '')
          : `${variable} is ${secret.kind === 'absent' ? 'not set' : 'invalid'}: expected \`whsec_\` and 24 to 64 bytes in Base64`;
      problems.push({ line: 0, text: `${at}.secrets: ${fault}` });
      return [];
    });
    targets.push({ name, url, secrets: read, types: types.filter((type) => type !== undefined) });
  }
  if (problems.length === 0) return { kind: 'ok', webhooks: targets };
  return { kind: 'wrong', problems: problems.map((problem) => problemLine(path, problem)) };
}

function parseEndpoint(text: string): string | undefined {
  const url = /^https?:\/\//i.test(text) ? URL.parse(text) : null;
  if (url === null || url.hash !== '' || url.username !== '' || url.password !== '') return undefined;
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  return url.protocol === 'https:' || isLocal({ kind: 'tcp', host, port: 0 }) ? url.href : undefined;
}
