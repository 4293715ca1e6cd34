import { Access, type AccessParts } from '../../src/http/access.ts';
import type { WebApp } from '../../src/http/uws.ts';
import { ask as askKept } from '../contract/kept.ts';
import { apiKey, keyringOf } from '../keyring.ts';
import { serveHere } from './served.ts';

export const TOKEN = 'a-token-of-the-operator';
const authorization = { authorization: `Bearer ${TOKEN}` };

/** Lets those pass who have `TOKEN`, as `ops`. */
export function operators(mode: AccessParts['mode'] = 'token'): Access {
  const keys = [{ ...apiKey(TOKEN, ['operate']), name: 'ops' }, apiKey('key-to-read', ['read'])];
  return new Access({ mode, keyring: keyringOf(keys), scope: 'operate' });
}

/** Requests to a path of an operator and to what is below it, with `TOKEN` unless they say otherwise. */
export interface OperatorRoutes {
  list(query?: string, init?: RequestInit): Promise<Response>;
  /** A body that is no text is sent as JSON. */
  change(name: string, body: unknown, headers?: Record<string, string>): Promise<Response>;
}

/** Serves the application while `use` runs. */
export async function serving(
  app: WebApp,
  path: string,
  use: (routes: OperatorRoutes) => Promise<void>,
): Promise<void> {
  const { url: root, close } = await serveHere(app);
  const url = root + path;
  try {
    await use({
      list: (query = '', init = {}) => askKept(url + query, { headers: authorization, ...init }),
      change: (name, body, headers = {}) =>
        askKept(`${url}/${name}`, {
          method: 'PATCH',
          headers: { ...authorization, ...headers },
          body: typeof body === 'string' ? body : JSON.stringify(body),
        }),
    });
  } finally {
    close();
    app.close();
  }
}

/** Its status and the type of its problem. */
export async function typeOf(response: Response): Promise<string> {
  const { type } = (await response.json()) as { type: string };
  return `${response.status} ${type.replace('/errors#', '')}`;
}
