// How results that come in later join those that are shown.

export interface Joined<T> {
  rows: T[];
  added: number; // that were not shown
  whole: boolean; // whether what was shown is still part of it; else the new page stands alone
}

/** Newest first: what is new stands above what is shown. If the new page does not reach down to it, it stands alone. */
export function joinNewest<T>(shown: readonly T[], page: readonly T[], id: (row: T) => string): Joined<T> {
  const known = new Set(shown.map(id));
  const added = page.filter((r) => !known.has(id(r))).length;
  if (shown.length > 0 && added === page.length && page.length > 0) return { rows: [...page], added, whole: false };
  const fresh = new Set(page.map(id));
  return { rows: [...page, ...shown.filter((r) => !fresh.has(id(r)))], added, whole: true };
}

/** Slowest first: what is new stands where its duration says. */
export function joinSlowest<T extends { durationNanos: number }>(shown: readonly T[], page: readonly T[], id: (row: T) => string): Joined<T> {
  const known = new Set(shown.map(id));
  const fresh = new Set(page.map(id));
  const rows = [...page, ...shown.filter((r) => !fresh.has(id(r)))].sort((a, b) => b.durationNanos - a.durationNanos);
  return { rows, added: page.filter((r) => !known.has(id(r))).length, whole: true };
}
