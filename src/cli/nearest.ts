/** The word that somebody who typed `text` most likely meant, or undefined when none is near. */
export function nearest(text: string, words: readonly string[]): string | undefined {
  const begun = words.filter((word) => text.length >= 2 && word.startsWith(text));
  if (begun.length === 1) return begun[0];
  const limit = Math.max(1, Math.floor(text.length / 3));
  const [best] = words
    .map((word) => ({ word, distance: distanceOf(text, word) }))
    .filter(({ distance }) => distance <= limit)
    .sort((one, other) => one.distance - other.distance);
  return best?.word;
}

/** Letters to put in, take out, replace, or swap with their neighbour. */
function distanceOf(one: string, other: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: other.length + 1 }, (_, column) => column);
  for (let row = 1; row <= one.length; row++) {
    const next = [row];
    for (let column = 1; column <= other.length; column++) {
      const at = (line: readonly number[], index: number) => line[index] ?? Infinity;
      const isSame = one[row - 1] === other[column - 1];
      const isSwapped =
        row > 1 && column > 1 && one[row - 1] === other[column - 2] && one[row - 2] === other[column - 1];
      next[column] = Math.min(
        at(last, column) + 1,
        at(next, column - 1) + 1,
        at(last, column - 1) + (isSame ? 0 : 1),
        isSwapped ? at(beforeLast, column - 2) + 1 : Infinity,
      );
    }
    [beforeLast, last] = [last, next];
  }
  return last[other.length] ?? Infinity;
}
