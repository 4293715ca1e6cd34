import type uPlotClass from 'uplot';

declare global {
  /** The page loads uPlot as a classic script, before its modules. */
  const uPlot: typeof uPlotClass;
}
