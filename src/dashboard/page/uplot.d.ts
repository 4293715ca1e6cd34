import type uPlotClass from 'uplot';

declare global {
  /** A script of its own in the page, before every module. */
  const uPlot: typeof uPlotClass;
}
