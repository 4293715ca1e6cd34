import { randomBytes } from 'node:crypto';
import { systemClock } from '../core/clock.ts';
import { parseTimestamp } from '../core/time-window.ts';
import { command, DONE, examples, FAILED, timestamp } from './command.ts';

export const webhooks = command('webhooks')
  .summary('list the endpoints that get events, enable one again, or repeat events')
  .description(
    'Looks at the ledger of LEDGER_URL for how far the endpoints in WEBHOOKS_FILE are, and changes it. Gateways may run ' +
      'meanwhile. See docs/webhooks.md.',
  )
  .addHelpText(
    'after',
    examples([
      ['webhooks enable shop', 'it gets its events again, from where it was'],
      ['webhooks replay shop --from 2025-07-15T12:00:00Z', 'all events since then once more'],
    ]),
  )
  .helpCommand(false);

type Operation = (operate: typeof import('../operate/webhooks.ts'), order: Order) => Promise<Ending>;
type Order = import('../operate/webhooks.ts').WebhookOrder;
type Ending = import('../core/outcome.ts').Outcome<readonly string[]>;

async function run(operation: Operation): Promise<void> {
  const ended = await operation(await import('../operate/webhooks.ts'), {
    environment: process.env,
    clock: systemClock,
  });
  if (ended.kind === 'ok') for (const line of ended.value) console.log(line);
  else for (const line of ended.lines) console.error(`dinossauro: ${line}`);
  process.exitCode = ended.kind === 'ok' ? DONE : FAILED;
}

webhooks
  .addCommand(
    command('list')
      .summary('how far each is (the default)')
      .action(() => run((operate, order) => operate.listWebhooks(order))),
    { isDefault: true },
  )
  .addCommand(
    command('enable')
      .summary('continue with one that was disabled')
      .argument('<name>', 'the endpoint')
      .action((name) => run((operate, order) => operate.enableWebhook(order, name))),
  )
  .addCommand(
    command('replay')
      .summary('deliver events once more')
      .argument('<name>', 'the endpoint')
      .requiredOption('--from <timestamp>', 'those from this time on', timestamp)
      .action((name, { from }) =>
        run((operate, order) => operate.replayWebhook(order, name, parseTimestamp(from, Math.floor) ?? 0)),
      ),
  )
  .addCommand(
    command('secret')
      .summary('print a new secret')
      .action(() => console.log(`whsec_${randomBytes(32).toString('base64')}`)),
  );
