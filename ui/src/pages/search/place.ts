import { range } from "../../range";
import { place, setParams } from "../../router";
import { readBox, type Box } from "../../ui/heat";

/** What the page shows, as the address says it. */
export interface Shown {
  q: string;
  by: "traces" | "spans";
  order: "newest" | "slowest";
  box: Box | null;
  differences: boolean;
  errors: boolean; // the heat map shows failed spans
}

export function shown(): Shown {
  const p = place.value.params;
  const box = readBox(p.get("box"));
  return {
    q: p.get("q") ?? "",
    by: p.get("by") === "spans" ? "spans" : "traces",
    order: p.get("order") === "slowest" ? "slowest" : "newest",
    box,
    differences: box !== null && p.get("diff") === "1",
    errors: p.get("heat") === "errors",
  };
}

/** The time range as parameters of requests. */
export function asked(): { from: string; to: string } {
  return { from: range.value.from, to: range.value.to };
}

/** Asks another question: a new step in the history. */
export function search(q: string): void {
  setParams({ q });
}
