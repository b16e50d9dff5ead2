/** How a table is sorted: by which column, and whether the other way round than that column is by nature. */
export interface Sort {
  by: string;
  reversed: boolean;
}

/** Reads "p99" or "-p99" from an address; what no column is called is the default. */
export function readSort(param: string | null, columns: readonly string[], standard: string): Sort {
  const reversed = param?.startsWith("-") ?? false;
  const by = (reversed ? param?.slice(1) : param) ?? "";
  return columns.includes(by) ? { by, reversed } : { by: standard, reversed: false };
}

/** What is in the address after a click on a column's header; null for the default. */
export function clicked(sort: Sort, column: string, standard: string): string | null {
  const reversed = sort.by === column && !sort.reversed;
  if (column === standard && !reversed) return null;
  return (reversed ? "-" : "") + column;
}

/** Sorts rows: names upwards, numbers downwards, what has no number last in either way; the same by name. */
export function sorted<T>(rows: readonly T[], sort: Sort, value: (row: T) => string | number | null | undefined, name: (row: T) => string): T[] {
  const flip = sort.reversed ? -1 : 1;
  return [...rows].sort((a, b) => {
    const x = value(a);
    const y = value(b);
    if (typeof x === "string" && typeof y === "string") return flip * x.localeCompare(y);
    const noX = x === null || x === undefined;
    const noY = y === null || y === undefined;
    if (noX !== noY) return noX ? 1 : -1;
    const order = noX ? 0 : flip * ((y as number) - (x as number));
    return order || name(a).localeCompare(name(b));
  });
}
