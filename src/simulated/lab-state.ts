/** What a page is told of simulated processors and the load that is sent to them. */
export interface LabState {
  readonly processors: readonly {
    readonly name: string;
    readonly delayMs: number;
    readonly failing: boolean;
    /** Every payment is committed, and its caller hears nothing. */
    readonly dropping: boolean;
  }[];
  readonly load: LoadFigures;
}

export interface LoadFigures {
  readonly ratePerS: number;
  /** Payments still to be posted. */
  readonly remaining: number;
  readonly accepted: number;
  /** Answered otherwise, or not at all; nothing is posted again. */
  readonly refused: number;
}
