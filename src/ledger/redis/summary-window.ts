/** A window as the function `summary` reads it: whole seconds, which have counters, and what is left at its ends. */
export interface SummaryWindow {
  /** The whole seconds [first, end) since the epoch; none if first >= end. */
  readonly first: number;
  readonly end: number;
  /** The seconds that the window covers only in part, at its start and at its end. */
  readonly headEdge: number | undefined;
  readonly tailEdge: number | undefined;
}

export function summaryWindow(fromMs: number, toMs: number): SummaryWindow {
  if (fromMs > toMs) return { first: 0, end: 0, headEdge: undefined, tailEdge: undefined };
  const first = Math.ceil(fromMs / 1000);
  const end = Math.floor((toMs + 1) / 1000);
  const headEdge = fromMs % 1000 === 0 ? undefined : first - 1;
  const tailEdge = (toMs + 1) % 1000 === 0 || end === headEdge ? undefined : end;
  return { first, end, headEdge, tailEdge };
}
