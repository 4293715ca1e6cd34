import { type ApiKey, digestOf, newKey, SCOPES, type Scope } from '../config/api-key.ts';
import { KEY_NAME, keyLine, RATE_MAX } from '../config/keys-file.ts';
import { alternatives } from '../config/setting.ts';
import { parseTimestamp } from '../core/time-window.ts';
import { checked, command, examples, Misuse, timestamp, whole } from './command.ts';

const name = checked((text) =>
  KEY_NAME.test(text) ? null : 'Expected 1 to 32 of A-Z a-z 0-9 . _ -, such as shop.',
);
const scopeList = checked((text) =>
  text.split(',').every(isScope) ? null : `Expected ${alternatives(SCOPES)}, separated by commas.`,
);

const newCommand = command('new')
  .summary('make an API key, and the line for API_KEYS_FILE')
  .description(
    'Prints a new random key on the first line: give it to the client, which sends it as `Authorization: Bearer KEY`. It is ' +
      'shown only now. The second line is for API_KEYS_FILE: it has the hash of the key. Gateways read the file again when it ' +
      'changes. To replace a key, add the line of a new one, give the new key to the client, and then remove the old line.',
  )
  .argument('<name>', 'whose key it is', name)
  .requiredOption('--scopes <list>', 'what it may do: post, read, operate', scopeList)
  .option('--expires <timestamp>', 'when it ends; default: never', timestamp)
  .option('--per-second <n>', 'requests for payments a second; default: no limit', whole(1, RATE_MAX))
  .option('--burst <n>', 'how many of them at once; default: as many as a second', whole(1, RATE_MAX))
  .addHelpText(
    'after',
    examples([
      ['keys new shop --scopes post,read', 'a client that posts payments and looks them up'],
      ['keys new shop --scopes post,read --expires 2027-01-31', 'the same, until that day'],
      ['keys new ana --scopes operate', 'an operator: dashboard, audit, metrics'],
    ]),
  )
  .action((keyName, { scopes, expires, perSecond, burst = perSecond }) => {
    if (perSecond === undefined && burst !== undefined) throw new Misuse('--burst needs --per-second');
    const key = newKey();
    const expiresAtMs = expires === undefined ? Infinity : (parseTimestamp(expires, Math.floor) ?? Infinity);
    const entry: ApiKey = {
      name: keyName,
      scopes: SCOPES.filter((scope) => scopes.split(',').includes(scope)),
      digest: digestOf(key),
      expiresAtMs,
      limit: perSecond === undefined || burst === undefined ? null : { perSecond, burst },
    };
    console.log(`${key}\n${keyLine(entry)}`);
  });

export const keys = command('keys')
  .summary('make API keys for clients and operators')
  .description('API keys say who may post and read payments, and operate a gateway. See docs/keys.md.')
  .addCommand(newCommand)
  .addHelpText(
    'after',
    examples([['keys new shop --scopes post,read', 'a client that posts payments and looks them up']]),
  );

function isScope(text: string): text is Scope {
  return SCOPES.some((scope) => scope === text);
}
