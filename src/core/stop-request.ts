import { constants } from 'node:os';
import { systemClock } from './clock.ts';

/** SIGHUP is the closed terminal, and there is nothing to reload: settings are read once. */
const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;
type StopSignal = (typeof SIGNALS)[number];

/** `disconnect`: the process that started this one, and kept a channel to it, has died. */
export type StopCause = StopSignal | 'disconnect';

/**
 * One request often arrives more than once: Ctrl-C in a terminal reaches the whole process group, and npm and our own
 * launchers pass it on; systemd signals every process of a service and may add a SIGHUP. Signals this close together
 * are one request. Nobody who insists presses Ctrl-C again that soon.
 */
const SAME_REQUEST_MS = 1000;

let stop: (cause: StopCause) => void = () => process.exit(0);
let stopNow: (signal: StopSignal) => void = endNow;
let firstAtMs: number | null = null;

/**
 * Requests to stop this process are heard from the moment this module is loaded, so an entry point imports it before
 * anything else. Until the process has something to finish, a request ends it with exit code 0; from this call on, the
 * first one calls `onFirst`, and any that comes more than a second later calls `onLater`, which by default ends the
 * process at once.
 */
export function onStopRequest(
  onFirst: (cause: StopCause) => void,
  onLater: (signal: StopSignal) => void = endNow,
): void {
  stop = onFirst;
  stopNow = onLater;
}

for (const signal of SIGNALS) {
  process.on(signal, () => {
    if (firstAtMs === null) begin(signal);
    else if (systemClock.monotonicMs() - firstAtMs > SAME_REQUEST_MS) stopNow(signal);
  });
}
process.once('disconnect', () => {
  if (firstAtMs === null) begin('disconnect');
});

function begin(cause: StopCause): void {
  firstAtMs = systemClock.monotonicMs();
  stop(cause);
}

/** Ends the process as if it had never handled the signal, so that its parent sees what ended it. */
function endNow(signal: StopSignal): void {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
  // Still here: the kernel spares process 1 of a container.
  process.exit(128 + constants.signals[signal]);
}
