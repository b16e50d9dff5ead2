import { get, type Loaded, useLoad } from "../../api/client";
import type { components } from "../../api/schema";
import type { Attributes, Logs, Resource, Scope, Span } from "../../api/types";
import type { Trace } from "../../trace/trace";

type SpanOfTrace = components["schemas"]["SpanOfTrace"];

/** A span with all that the server knows of it. */
export interface SpanDetail extends Span {
  ofResource: Resource | undefined;
  ofScope: Scope | undefined;
  types?: SpanOfTrace["types"]; // of attributes whose JSON does not tell: "bytes", "int", "float"
}

/** Loads the span of a row in full. */
export function useSpan(trace: Trace, row: number): Loaded<SpanDetail> {
  const { traceId } = trace.summary;
  const id = row >= 0 && row < trace.count ? trace.spanId(row) : "";
  const load = async (signal: AbortSignal): Promise<SpanDetail> => {
    // Spans can share an id: which one it is, its place in the trace says.
    const { span, resources, scopes, types } = await get<SpanOfTrace>(`/traces/${traceId}/spans/${id}`, { row: trace.at[row] }, signal);
    return { ...span, types, ofResource: resources[span.resource], ofScope: scopes[span.scope] };
  };
  return useLoad<SpanDetail>((signal) => (id ? load(signal) : undefined), [traceId, id, trace.at[row]], { keep: false, refreshed: false });
}

export const mostLogs = 2000;

/** Loads the log records that name the trace; again when spans came in, as records come with them. */
export function useLogs({ traceId, spanCount }: Trace["summary"]): Loaded<Logs> {
  return useLoad<Logs>((signal) => get<Logs>(`/traces/${traceId}/logs`, { limit: mostLogs }, signal), [traceId, spanCount], { refreshed: false });
}

/** The range of time to search in for what is like a span of the trace: an hour around it, or the last hour if it is in there. */
export function around(trace: Trace, now = Date.now()): { from?: number; to?: number } {
  const start = Number(BigInt(trace.summary.startUnixNano) / 1_000_000n);
  const end = start + trace.summary.durationNanos / 1e6;
  if (start > now - 3_300_000 && end < now + 60_000) return {};
  return { from: Math.floor(start - 1_800_000), to: Math.ceil(end + 1_800_000) };
}

/** Attributes in the order of their keys, which brings those of a namespace together. */
export function sorted(attributes: Attributes): [string, unknown][] {
  return Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}
