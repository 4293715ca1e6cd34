/**
 * What operators have decided about the processors while the deployment runs. The processors file is the beginning: a
 * processor that is not named here is as the file has it.
 *
 * The ledger keeps it as one small record, so that it holds at every instance and survives restarts. A purge leaves it.
 */
export interface ProcessorControls {
  /** Rises with each change, so that one who has not seen the latest does not overwrite it; 0: nothing was ever changed. */
  readonly version: number;
  /** By name. */
  readonly processors: Readonly<Record<string, ProcessorControl>>;
}

export interface ProcessorControl {
  /** It gets no payment requests. What is in doubt there is still asked for. */
  readonly isPaused: boolean;
  /** When this was last changed, UTC. */
  readonly changedAtMs: number;
  /** Who changed it and why, as they said. */
  readonly changedBy: string;
  readonly reason: string;
}

/** What an operator asks for. */
export type ProcessorChange = Omit<ProcessorControl, 'changedAtMs'>;

export const NO_CONTROLS: ProcessorControls = { version: 0, processors: {} };

/** The controls with this change to a processor; null: it is so already. */
export function changed(
  controls: ProcessorControls,
  name: string,
  change: ProcessorChange,
  nowMs: number,
): ProcessorControls | null {
  const control = controls.processors[name];
  if ((control?.isPaused ?? false) === change.isPaused) return null;
  const processors = { ...controls.processors, [name]: { ...change, changedAtMs: nowMs } };
  return { version: controls.version + 1, processors };
}

export function controlsText(controls: ProcessorControls): string {
  return JSON.stringify(controls);
}

/** Undefined or empty: nothing was ever changed. */
export function readControls(text: string | undefined): ProcessorControls {
  return text === undefined || text === '' ? NO_CONTROLS : (JSON.parse(text) as ProcessorControls);
}

/** Of copies in several shards, the one that was changed last. */
export function latestControls(copies: readonly ProcessorControls[]): ProcessorControls {
  return copies.reduce((latest, copy) => (copy.version > latest.version ? copy : latest), NO_CONTROLS);
}
