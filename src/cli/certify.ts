import { sanitizeEnvironment } from '../config/environment.ts';
import { command, DONE, examples, FAILED, jsonObject, Misuse, option, whole } from './command.ts';

export const certify = command('certify')
  .summary('try a contract in some 190 situations that go wrong, and say which promises hold')
  .description(
    'Runs a contract against its simulated processor, or against a real one, with a proxy between that loses, delays, ' +
      'repeats, breaks and replaces answers. Then it compares our books with theirs, and prints which of the seven promises ' +
      'hold, and which the contract itself cannot keep, because it takes an answer as proof that may be untrue. See ' +
      'docs/certify.md.',
  )
  .addOption(
    option('--contract <name>', 'a shipped contract, or the path of a module that exports it and its twin')
      .default('rinha')
      .conflicts('processor'),
  )
  .addOption(
    option('--options <json>', 'options of the contract, as in the processors file')
      .argParser(jsonObject)
      .default({})
      .conflicts('processor'),
  )
  .option('--processor <name>', 'a processor of the configuration; needs --real-payments')
  .option('--real-payments', 'really make payments of 0.01 there, about 1500 of them')
  .option('--only <text>', 'only situations whose kind or name contains this')
  .option(
    '--pace <factor>',
    'give everything this many times as long (default: 1, a real processor 5)',
    whole(1, 60),
  )
  .option('--json', 'print the complete report as JSON')
  .addHelpText(
    'after',
    '\nExit codes: 0 every promise holds, as long as the processor does what its contract states; 1 a promise is broken, ' +
      'or nothing could be run.',
  )
  .addHelpText(
    'after',
    examples([
      ['certify --contract rest', 'a shipped contract'],
      ['certify --contract ./mine.ts --json', 'your own, for a program'],
      ['certify --contract ./mine.ts --options \'{"merchant":"moo"}\'', 'with options of the contract'],
      ['certify --contract ./mine.ts --only look-up', 'only what is about look-ups'],
      [
        'PROCESSORS=sandbox:0.05:https://sandbox.example dinossauro certify --processor sandbox --real-payments',
        'a sandbox, which takes some minutes',
      ],
    ]),
  )
  .action(
    async ({
      contract,
      options,
      processor = '',
      realPayments = false,
      only = '',
      pace = null,
      json = false,
    }) => {
      if (processor !== '' && !realPayments) {
        throw new Misuse(
          `certify makes about 1500 payments of 0.01 at ${processor}: add --real-payments if it may (see dinossauro certify --help)`,
        );
      }
      const { runCertify } = await import('../certify/command.ts');
      for (const line of sanitizeEnvironment(process.env)) console.error(`dinossauro: ${line}`);
      const isTerminal = process.stderr.isTTY === true;
      const ok = await runCertify({ contract, options, processor, only, pace, json }, process.env, {
        print: (text) => console.log(text),
        complain: (line) => console.error(`dinossauro: ${line}`),
        progress: (done, total) => {
          if (isTerminal) process.stderr.write(`\r${done} of ${total}${done === total ? '\n' : ''}`);
        },
      });
      process.exitCode = ok === true ? DONE : FAILED;
    },
  );
