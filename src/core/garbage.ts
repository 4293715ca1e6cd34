/**
 * Collects the garbage of this thread and gives its memory back, if Node runs with `--expose-gc`, as it does in the image.
 * Call it once a thread has started: loading modules and warming up leave more garbage than a thread has afterwards, and
 * V8 would keep that memory. It takes 40 to 110 ms.
 */
export function collectGarbage(): void {
  globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}
