import { createClient, RESP_TYPES } from '@redis/client';
import type { Clock } from '../../core/clock.ts';
import type { RedisPlace } from '../../core/redis-url.ts';
import { clientOptions, type Tls } from '../../core/tls.ts';
import type { RedisDriver } from './connection.ts';
import { LocatedDriver } from './located-driver.ts';
import { Locator } from './locator.ts';

export interface DriverOptions {
  readonly tls: Tls;
  readonly timeoutMs: number;
  readonly pendingLimit: number;
  readonly clock: Clock;
}

/** Returns what makes drivers for the server that holds the keys of this slot. The slot matters only in a cluster. */
export function driversFor(place: RedisPlace, slot: number, options: DriverOptions): () => RedisDriver {
  const { tls, timeoutMs, pendingLimit, clock } = options;
  const to = (url: string) => newDriver(url, tls, timeoutMs, pendingLimit);
  if (place.kind === 'server') return () => to(place.url);
  const locator = new Locator({ place, slot, newDriver: to, clock, timeoutMs });
  return () => new LocatedDriver(() => locator.find(), to);
}

/** A driver that is not connected yet, for a connection or for read-only inspection. It follows no redirection. */
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
