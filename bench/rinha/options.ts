import { parseArgs } from 'node:util';
import type { Kind } from './deployment.ts';
import { final, type PerProcessor, preview, type Scenario, scaled, steady } from './scenario.ts';

export const USAGE = `npm run rinha -- [options]

  --scenario preview|final  which official scenario (preview)
  --seconds N               the same shape in less time
  --rate N                  no contest: N posts a second all along, processors at 5 ms
  --target URL              the deployment (http://127.0.0.1:9999)
  --default URL             its processors (http://127.0.0.1:8001 and 8002)
  --fallback URL
  --token TEXT              of the processors' administrative API (123)
  --native                  bring everything up as processes, without Docker, and down again
  --compose                 bring docker-compose.yml and simulated processors up, and down again
  --null                    the floor: instances that answer 202 and do nothing
  --compare floor           the gateway and the floor in turns, and their ratios
  --rounds N                how often (1; 3 with --compare)
  --json FILE               the report as JSON
  --html FILE               the report as a page (rinha.html)
  --help`;

export interface Options {
  readonly scenario: Scenario;
  readonly site: 'given' | 'native' | 'compose';
  readonly target: string;
  readonly processors: PerProcessor<string>;
  readonly token: string;
  /** What runs, in turn, in each round. */
  readonly kinds: readonly Kind[];
  readonly rounds: number;
  readonly jsonFile: string | undefined;
  readonly htmlFile: string;
}

export type Parsed =
  | { readonly kind: 'options'; readonly options: Options }
  | { readonly kind: 'help' }
  | { readonly kind: 'wrong'; readonly reason: string };

export function parseOptions(args: readonly string[]): Parsed {
  try {
    const { values } = parseArgs({ args: [...args], options: DECLARED, strict: true });
    if (values.help) return { kind: 'help' };
    return { kind: 'options', options: arrange(values) };
  } catch (error) {
    return { kind: 'wrong', reason: error instanceof Error ? error.message : String(error) };
  }
}

const DECLARED = {
  scenario: { type: 'string', default: 'preview' },
  seconds: { type: 'string' },
  rate: { type: 'string' },
  target: { type: 'string', default: 'http://127.0.0.1:9999' },
  default: { type: 'string', default: 'http://127.0.0.1:8001' },
  fallback: { type: 'string', default: 'http://127.0.0.1:8002' },
  token: { type: 'string', default: '123' },
  native: { type: 'boolean', default: false },
  compose: { type: 'boolean', default: false },
  null: { type: 'boolean', default: false },
  compare: { type: 'string' },
  rounds: { type: 'string' },
  json: { type: 'string' },
  html: { type: 'string', default: 'rinha.html' },
  help: { type: 'boolean', default: false },
} as const;

type Values = ReturnType<typeof parseArgs<{ options: typeof DECLARED }>>['values'];

function arrange(values: Values): Options {
  const site = values.native ? 'native' : values.compose ? 'compose' : 'given';
  if (values.native && values.compose) throw new Error('--native or --compose, not both');
  const compares = values.compare !== undefined;
  if (compares && values.compare !== 'floor') throw new Error('--compare knows only `floor`');
  if (site === 'given' && (compares || values.null)) {
    throw new Error('--null and --compare need --native or --compose');
  }
  return {
    scenario: scenarioOf(values),
    site,
    target: url('--target', values.target),
    processors: { default: url('--default', values.default), fallback: url('--fallback', values.fallback) },
    token: values.token,
    kinds: compares ? ['gateway', 'floor'] : [values.null ? 'floor' : 'gateway'],
    rounds: positive('--rounds', values.rounds) ?? (compares ? 3 : 1),
    jsonFile: values.json,
    htmlFile: values.html,
  };
}

function scenarioOf(values: Values): Scenario {
  const seconds = positive('--seconds', values.seconds);
  const rate = positive('--rate', values.rate);
  if (rate !== undefined) return steady(rate, seconds ?? 30);
  const scenario = [preview, final].find(({ name }) => name === values.scenario);
  if (scenario === undefined) throw new Error('--scenario is `preview` or `final`');
  return seconds === undefined ? scenario : scaled(scenario, seconds);
}

function positive(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^[1-9]\d{0,4}$/.test(text)) throw new Error(`${name} is a whole number from 1 to 99999, not ${text}`);
  return Number(text);
}

function url(name: string, text: string): string {
  const parsed = URL.parse(text);
  if (parsed?.protocol !== 'http:') throw new Error(`${name} is an http URL, not ${text}`);
  return parsed.origin;
}
