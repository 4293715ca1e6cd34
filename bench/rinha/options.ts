import type { RinhaValues } from '../../src/cli/rinha.ts';
import { type Entry, isComposeFile } from './deployment.ts';
import { final, type PerProcessor, preview, type Scenario, scaled, steady } from './scenario.ts';

export interface Options {
  readonly scenario: Scenario;
  readonly site: 'given' | 'native' | 'compose';
  readonly target: string;
  readonly processors: PerProcessor<string>;
  readonly token: string;
  /** What each round runs, in this order. */
  readonly entries: readonly Entry[];
  readonly rounds: number;
  readonly jsonFile: string | undefined;
  readonly htmlFile: string;
}

export type OptionsReading =
  | { readonly kind: 'ok'; readonly options: Options }
  /** Each option is valid, but not their combination. */
  | { readonly kind: 'wrong'; readonly reason: string };

export function readOptions(values: RinhaValues): OptionsReading {
  const site = values.native ? 'native' : values.compose ? 'compose' : 'given';
  const others = (values.compare ?? []).map((text): Entry => (isComposeFile(text) ? text : 'floor'));
  const compares = others.length > 0;
  if (site === 'given' && (compares || values.null === true)) {
    return wrong('--null and --compare need --native or --compose');
  }
  if (site !== 'compose' && others.some(isComposeFile)) return wrong('a compose file needs --compose');
  const options: Options = {
    scenario: scenarioOf(values),
    site,
    target: values.target,
    processors: { default: values.default, fallback: values.fallback },
    token: values.token,
    entries: compares ? ['gateway', ...others] : [values.null ? 'floor' : 'gateway'],
    rounds: values.rounds ?? (compares ? 3 : 1),
    jsonFile: values.json,
    htmlFile: values.html,
  };
  return { kind: 'ok', options };
}

function wrong(reason: string): OptionsReading {
  return { kind: 'wrong', reason };
}

function scenarioOf({ scenario: name, seconds, rate }: RinhaValues): Scenario {
  if (rate !== undefined) return steady(rate, seconds ?? 30);
  const scenario = name === 'final' ? final : preview;
  return seconds === undefined ? scenario : scaled(scenario, seconds);
}
