type Row = readonly string[];

/** Rows as lines of aligned columns; those whose numbers are in `right` are aligned to the right. */
export function tableLines(
  rows: readonly Row[],
  widths = widthsOf(rows),
  right: readonly number[] = [],
): string[] {
  const padded = (text: string, column: number) => {
    const width = widths[column] ?? 0;
    return right.includes(column) ? text.padStart(width) : text.padEnd(width);
  };
  return rows.map((row) => row.map(printable).map(padded).join('  ').trimEnd());
}

/** How wide the columns of these rows are. */
export function widthsOf(rows: readonly Row[]): readonly number[] {
  return (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => printable(row[column] ?? '').length)),
  );
}

/** Text that others have written must not control the terminal. */
function printable(text: string): string {
  return text.replace(/\p{Cc}|\p{Cf}/gu, '?');
}
