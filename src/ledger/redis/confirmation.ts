import type { Confirmation } from '../confirmation.ts';
import type { Send } from './connection.ts';
import { hasCode, mapOf } from './replies.ts';

export interface ConfirmationPolicy {
  /** How many replicas must have a write; 0: the server must sync it. */
  readonly replicas: number;
  /** Whether a server that can confirm nothing may be used. */
  readonly allowsUnconfirmed: boolean;
  /** Whether another server may take over by itself. What only the former has synced is lost then. */
  readonly failsOver: boolean;
}

/** Finds out what a server can confirm. Throws if that is nothing, unless the policy allows it. */
export async function confirmationOf(
  send: Send,
  { replicas, allowsUnconfirmed, failsOver }: ConfirmationPolicy,
): Promise<Confirmation> {
  if (replicas > 0) return { kind: 'replicas', count: replicas };
  const reason = failsOver ? PROMOTED : await unsyncedReason(send);
  if (reason === null) return { kind: 'sync' };
  if (allowsUnconfirmed) return { kind: 'none', reason };
  const remedy = failsOver ? 'set LEDGER_REPLICAS' : 'set appendfsync always in Redis, or LEDGER_REPLICAS';
  throw new Error(
    `Redis may lose writes that it has answered (${reason}): ${remedy}, or accept the risk with LEDGER_ALLOW_UNCONFIRMED=true`,
  );
}

/** Why synced writes may be lost where a replica can be promoted. */
export const PROMOTED = 'a replica that is promoted may lack them';

/** The settings of a server that decide whether it syncs a write before it answers. */
export const PERSISTENCE = ['appendonly', 'appendfsync', 'no-appendfsync-on-rewrite'] as const;

/** Why the server may answer a write before it is synced; null: it never does. */
async function unsyncedReason(send: Send): Promise<string | null> {
  let settings: Record<string, unknown>;
  try {
    settings = mapOf(await send(['CONFIG', 'GET', ...PERSISTENCE]));
  } catch (error) {
    if (hasCode(error, 'NOPERM')) return 'the account may not read its settings with CONFIG GET';
    throw error;
  }
  return unsyncedBecause((name) => String(settings[name]));
}

/** The same for the settings of a server. */
export function unsyncedBecause(setting: (name: string) => string): string | null {
  if (setting('appendonly') !== 'yes') return 'appendonly no';
  const policy = setting('appendfsync');
  if (policy !== 'always') return `appendfsync ${policy}`;
  return setting('no-appendfsync-on-rewrite') === 'no' ? null : 'no-appendfsync-on-rewrite yes';
}
