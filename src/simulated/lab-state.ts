/** The state of the simulated processors and of the load, for the dashboard. */
export interface LabState {
  readonly processors: readonly {
    readonly name: string;
    readonly delayMs: number;
    readonly failing: boolean;
    /** Every payment is committed, but its caller gets no answer. */
    readonly dropping: boolean;
  }[];
  readonly load: LoadFigures;
}

export interface LoadFigures {
  readonly ratePerS: number;
  /** Payments still to be sent. */
  readonly remaining: number;
  readonly accepted: number;
  /** Answered with anything but 202, or not at all; nothing is retried. */
  readonly refused: number;
}
