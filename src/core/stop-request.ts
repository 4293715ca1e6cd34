import { constants } from 'node:os';
import { systemClock } from './clock.ts';

/** SIGHUP means that the terminal was closed. It reloads nothing: files that may change are watched. */
const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;
type StopSignal = (typeof SIGNALS)[number];

/** `disconnect`: the parent process, which kept an IPC channel to this one, has died. */
export type StopCause = StopSignal | 'disconnect';

/**
 * One request often arrives as several signals: Ctrl-C reaches the whole process group, and npm and our own launchers
 * pass it on; systemd signals every process of a service and may add a SIGHUP. Signals this close together count as one
 * request.
 */
const SAME_REQUEST_MS = 1000;

let stop: (cause: StopCause) => void = () => process.exit(0);
let stopNow: (signal: StopSignal) => void = endNow;
let firstAtMs: number | null = null;

/**
 * Sets what happens on a request to stop. The first calls `onFirst`. Any that comes more than a second later calls
 * `onLater`, which by default ends the process at once. Before this call, a request ends the process with exit code 0.
 *
 * The module handles signals from the moment it is loaded, so entry points import it first.
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

/** Ends the process by the signal itself, so that its parent sees which one it was. */
function endNow(signal: StopSignal): void {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
  // Only reached as process 1 of a container, which such a signal does not end.
  process.exit(128 + constants.signals[signal]);
}
