import type { Clock } from '../../core/clock.ts';
import type { RedisPlace } from '../../core/redis-url.ts';
import { clientOptions, type Tls } from '../../core/tls.ts';
import { createClient, RESP_TYPES } from './client.ts';
import type { RedisDriver } from './connection.ts';
import { LocatedDriver } from './located-driver.ts';
import { Locator } from './locator.ts';

export interface LocatorOptions {
  readonly tls: Tls;
  readonly clock: Clock;
  /** Default 2,000 ms. */
  readonly timeoutMs?: number;
}

export interface DriverOptions {
  readonly tls: Tls;
  readonly timeoutMs: number;
  readonly pendingLimit: number;
}

/** How many commands a locator sends at once to one server. */
const ONE = 1;

export function newLocator(place: RedisPlace, { tls, clock, timeoutMs = 2000 }: LocatorOptions): Locator {
  return new Locator({ place, clock, timeoutMs, newDriver: (url) => newDriver(url, tls, timeoutMs, ONE) });
}

/** Returns what makes drivers for the server that has this slot. The slot matters only in a cluster. */
export function driversFor(
  locator: Locator,
  slot: number,
  { tls, timeoutMs, pendingLimit }: DriverOptions,
): () => RedisDriver {
  const to = (url: string) => newDriver(url, tls, timeoutMs, pendingLimit);
  const { place } = locator;
  if (place.kind === 'server') return () => to(place.url);
  return () => new LocatedDriver(() => locator.find(slot), to);
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
