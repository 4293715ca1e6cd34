import { CALLS_AT_ONCE_MAX, CALLS_PER_SECOND_MAX, PROCESSORS_MAX } from '../core/terms.ts';
import { anything, integer, list, mapping, scalar } from './file-field.ts';
import { PROCESSOR_NAME, parseAmount, parseFee, parseHttpUrl } from './parsers.ts';

/** A decimal as a number or as a text. */
const DECIMAL = { type: ['number', 'string'] };
const CENTS = '^\\d{1,14}(\\.\\d{1,2})?$';
const VARIABLE = '^[A-Za-z_][A-Za-z0-9_]*$';

function variable(about: string) {
  return scalar({
    about,
    expected: 'the name of an environment variable',
    schema: { type: 'string', pattern: VARIABLE },
    parse: (text) => (new RegExp(VARIABLE).test(text) ? text : undefined),
  });
}

function amount(about: string, fallback: string) {
  return scalar({
    about,
    default: fallback,
    expected: 'a decimal from 0.01 to 90071992547409.91 with at most two places',
    schema: { ...DECIMAL, minimum: 0.01, maximum: 90071992547409.91, pattern: CENTS },
    parse: parseAmount,
  });
}

/** An entry of the file. */
export const PROCESSOR = mapping({
  about: 'One processor.',
  required: ['name', 'url', 'contract', 'fee'],
  members: {
    name: scalar({
      about:
        'Its name in the ledger, in metrics and in logs. Payments in doubt are found by it, so do not rename it.',
      expected: '1 to 32 of `a-z 0-9 -`, each name once',
      schema: { type: 'string', pattern: PROCESSOR_NAME.source },
      parse: (text) => (PROCESSOR_NAME.test(text) ? text : undefined),
    }),
    url: scalar({
      about: 'Where it is. The paths of its contract are appended.',
      expected: 'an http or https URL without a query',
      schema: { type: 'string', pattern: '^[Hh][Tt][Tt][Pp][Ss]?://[^?#]*$' },
      isUrl: true,
      parse: parseHttpUrl,
    }),
    contract: scalar({
      about:
        'How it is asked, and what its answers mean: a contract that comes with the gateway, such as `rinha`, or a module of your own, relative to this file.',
      expected: 'the name of a contract, or a path that begins with `./`, `../` or `/`',
      schema: { type: 'string', pattern: '^([a-z][a-z0-9-]*|\\.{0,2}/.+)$' },
      parse: (text) => (/^([a-z][a-z0-9-]*|\.{0,2}\/.+)$/.test(text) ? text : undefined),
    }),
    options: anything('Options of the contract, which checks them itself.'),
    fee: mapping({
      about: 'What a payment costs: a share of its amount, and a fixed part.',
      members: {
        share: scalar({
          about: 'Share of the amount.',
          default: '0',
          expected: 'a decimal from 0 to 1 with at most 6 places',
          schema: { ...DECIMAL, minimum: 0, maximum: 1, pattern: '^(0(\\.\\d{1,6})?|1(\\.0{1,6})?)$' },
          parse: parseFee,
          faultOf: (text) => (text.endsWith('%') ? 'is invalid: write 5% as 0.05' : undefined),
        }),
        fixed: scalar({
          about: 'Fixed part of each payment.',
          default: '0',
          expected: 'a decimal from 0 to 1000000.00 with at most two places',
          schema: { ...DECIMAL, minimum: 0, maximum: 1_000_000, pattern: CENTS },
          parse: parseFixed,
        }),
      },
    }),
    limits: mapping({
      about: 'What it takes.',
      members: {
        callsAtOnce: integer({
          about: 'Most calls in flight, over all threads of an instance; at least `POOL_THREADS`.',
          default: '`CONCURRENCY`',
          unit: 'calls',
          min: 1,
          max: CALLS_AT_ONCE_MAX,
        }),
        callsPerSecond: integer({
          about:
            'Most calls in any second by one instance, look-ups included. Payments beyond it wait for the failover delay, and then go to the next processor.',
          default: 'no limit',
          unit: 'calls/s',
          min: 1,
          max: CALLS_PER_SECOND_MAX,
        }),
        minAmount: amount('Smallest amount.', '0.01'),
        maxAmount: amount('Greatest amount.', 'no limit'),
      },
    }),
    timeouts: mapping({
      about: 'How long to wait for a response.',
      members: {
        callMs: integer({
          about: 'Of a payment or look-up. On timeout the outcome is unknown.',
          default: '`PROCESSOR_TIMEOUT_MS`',
          unit: 'ms',
          min: 100,
          max: 120_000,
        }),
        healthMs: integer({
          about: 'Of a health call. It must be the same at all instances.',
          default: '`HEALTH_TIMEOUT_MS`',
          unit: 'ms',
          min: 100,
          max: 60_000,
        }),
      },
    }),
    inDoubtHoldMs: integer({
      about:
        'How long a payment with an unknown outcome stays with it before "not found" releases the payment; at least `callMs` + `LEASE_MS`.',
      default: '`IN_DOUBT_HOLD_MS`',
      unit: 'ms',
      min: 1200,
      max: 600_000,
    }),
    breaker: mapping({
      about: 'Its circuit breaker.',
      members: {
        failures: integer({
          about: 'Failures in a row that open it.',
          default: '`BREAKER_FAILURES`',
          unit: 'calls',
          min: 1,
          max: 100,
        }),
        baseMs: integer({
          about: 'First delay before it probes. It doubles each time.',
          default: '`BREAKER_BASE_MS`',
          unit: 'ms',
          min: 1,
          max: 60_000,
        }),
        maxMs: integer({
          about: 'Longest delay before it probes.',
          default: '`BREAKER_MAX_MS`',
          unit: 'ms',
          min: 1,
          max: 600_000,
        }),
      },
    }),
    credentials: mapping({
      about:
        'What the gateway sends as `Authorization`: either `bearer` or `basic`. The file holds no secrets, only names.',
      members: {
        bearer: variable('Environment variable with a bearer token.'),
        basic: mapping({
          about: 'Basic authentication.',
          required: ['user', 'password'],
          members: {
            user: variable('Environment variable with the user.'),
            password: variable('Environment variable with the password.'),
          },
        }),
      },
    }),
    adminToken: variable(
      'Environment variable with its administrator token. An audit reads its totals with it.',
    ),
  },
});

/** All that a processors file may contain. */
export const PROCESSORS_FILE = mapping({
  about: 'The processors of a Dinossauro gateway (`PROCESSORS_FILE`).',
  required: ['processors'],
  members: {
    processors: list({
      about: 'In the order that decides where two cost the same.',
      item: PROCESSOR,
      max: PROCESSORS_MAX,
    }),
  },
});

function parseFixed(text: string): number | undefined {
  if (/^0(\.0{1,2})?$/.test(text)) return 0;
  const cents = parseAmount(text);
  return cents === undefined || cents > 100_000_000 ? undefined : cents;
}
