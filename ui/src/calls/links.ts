import type { Kind } from "../api/types";
import { queryDuration } from "../format";
import { quoteValue } from "../query/tokens";
import { rangeParams } from "../range";
import { url } from "../router";

/** Which calls: those to a service, or those of one operation. */
export interface Which {
  service: string;
  requests?: boolean; // only the requests to it: spans of kind server and consumer
  operation?: string;
  kind?: Kind;
}

/** The query for these calls, and among them for those that failed or took longer than some nanoseconds. */
export function queryOf(w: Which, more: { failed?: boolean; over?: number; and?: string } = {}): string {
  const all = [`service = ${quoteValue(w.service)}`];
  if (w.operation !== undefined) all.push(`name = ${quoteValue(w.operation)}`);
  if (w.kind) all.push(`kind = ${w.kind}`);
  else if (w.requests) all.push("kind in (server, consumer)");
  if (more.failed) all.push("status = error");
  if (more.over) all.push(`duration > ${queryDuration(more.over)}`);
  if (more.and) all.push(more.and);
  return all.join(" and ");
}

/** The address of a search for these calls, in the range that the page shows. */
export function searchURL(w: Which, more: { failed?: boolean; over?: number; and?: string; slowest?: boolean } = {}): string {
  return url("search", { q: queryOf(w, more), order: more.slowest ? "slowest" : null, ...rangeParams() });
}

/** The address of a service's page, or of the page of one of its operations. */
export function serviceURL(service: string, operation?: string, kind?: Kind): string {
  return url("service", { name: service, operation, kind, ...rangeParams() });
}
