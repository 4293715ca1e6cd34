import { createClient, RESP_TYPES } from '@redis/client';
import { clientOptions, type Tls } from '../../core/tls.ts';
import type { RedisDriver } from './connection.ts';

/** A driver that is not connected yet, for a connection or for read-only inspection. */
export function newDriver(url: string, tls: Tls, timeoutMs: number, pendingLimit: number): RedisDriver {
  const client = createClient({
    url,
    RESP: 3,
    socket: { ...clientOptions(tls), connectTimeout: timeoutMs, reconnectStrategy: false },
    disableOfflineQueue: true,
    commandsQueueMaxLength: pendingLimit,
    disableClientInfo: true,
    maintNotifications: 'disabled',
    // Commands have no timers of their own: the connection watches the oldest.
    commandOptions: { timeout: 0, typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } },
  });
  return client as unknown as RedisDriver;
}
