import { type Address, parseAddress } from '../core/address.ts';
import { shownValue, strayVariables } from '../core/environment.ts';
import { type Decimal, parseDecimal } from './decimal.ts';
import { isTwinName, TWIN_NAMES, type TwinName } from './twin.ts';

export interface Settings {
  readonly contract: TwinName;
  readonly listen: Address;
  readonly fee: Decimal;
  readonly token: string;
  readonly name: string;
  /** Null: the books are kept in memory only. */
  readonly booksFile: string | null;
  /** Where `rest-async` posts the outcome of a payment; empty: nowhere. */
  readonly callbackUrl: string;
}

export type SettingsReading =
  | { readonly kind: 'ok'; readonly settings: Settings; readonly warnings: readonly string[] }
  /** One line. */
  | { readonly kind: 'wrong'; readonly problem: string };

/**
 * | setting      | default        | allowed                       | about                                          |
 * |--------------|----------------|-------------------------------|--------------------------------------------------|
 * | CONTRACT     | rinha          | a shipped contract            | what it speaks                                   |
 * | LISTEN       | 127.0.0.1:8001 | `host:port` or `unix:/path`   | where the processor listens                      |
 * | FEE          | 0.05           | a decimal from 0 to 1         | the fee, as a fraction of the amount             |
 * | TOKEN        | 123            | 1 to 200 printable characters | the first `X-Rinha-Token`                        |
 * | NAME         | default        | letters, digits, `-`, `_`     | its name in the line that it prints at start     |
 * | BOOKS_FILE   |                | a path                        | where its books are kept; none: in memory        |
 * | CALLBACK_URL |                | an http or https URL          | where `rest-async` posts outcomes                |
 */
export function readSettings(environment: Readonly<Record<string, string | undefined>>): SettingsReading {
  const {
    CONTRACT: contract = 'rinha',
    LISTEN: listenText = '127.0.0.1:8001',
    FEE: feeText = '0.05',
    TOKEN: token = '123',
    NAME: name = 'default',
    BOOKS_FILE: booksFile = '',
    CALLBACK_URL: callbackUrl = '',
  } = environment;
  if (!isTwinName(contract)) return wrong('CONTRACT', contract, `one of ${TWIN_NAMES.join(', ')}`);
  const listen = parseAddress(listenText);
  if (listen === null) return wrong('LISTEN', listenText, '`host:port` or `unix:/path`');
  const fee = /^\d(\.\d{1,6})?$/.test(feeText) && Number(feeText) <= 1 ? parseDecimal(feeText) : null;
  if (fee === null) return wrong('FEE', feeText, 'a decimal from 0 to 1 with at most six places');
  // A token must not appear in an error text.
  if (!/^[!-~]{1,200}$/.test(token)) return wrong('TOKEN', '…', '1 to 200 printable characters, no spaces');
  if (!/^[\w-]{1,64}$/.test(name)) return wrong('NAME', name, '1 to 64 letters, digits, `-` or `_`');
  if (callbackUrl !== '' && !/^https?:$/.test(URL.parse(callbackUrl)?.protocol ?? ''))
    return wrong('CALLBACK_URL', callbackUrl, 'an http or https URL');
  const warnings = strayVariables(environment, ['LISTEN']);
  return {
    kind: 'ok',
    settings: { contract, listen, fee, token, name, booksFile: booksFile || null, callbackUrl },
    warnings,
  };
}

function wrong(setting: string, value: string, allowed: string): SettingsReading {
  return { kind: 'wrong', problem: `${setting}=${shownValue(value)} is invalid: expected ${allowed}.` };
}
