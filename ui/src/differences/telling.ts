import type { Differences } from "../api/types";

type Field = Differences["keys"][number];

const least = 0.005; // the score of a field that is worth a look

/**
 * The fields that say something about the selected spans: not those that were selected by, and not those, such as the id of an
 * order, that have another value in every span.
 */
export function telling(fields: readonly Field[], by: "duration" | "status" = "duration"): Field[] {
  return fields.filter((f) => f.field !== by && f.field !== "duration" && (f.score ?? 0) > least && f.values.some((v) => v.selected + v.rest > 1));
}
