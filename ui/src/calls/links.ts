import type { Kind } from "../api/types";
import { queryDuration } from "../format";
import { and, condition } from "../query";
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
  return and(
    condition("service", "=", w.service),
    w.operation === undefined ? "" : condition("name", "=", w.operation),
    w.kind ? condition("kind", "=", w.kind) : w.requests ? "kind in (server, consumer)" : "",
    more.failed ? "status = error" : "",
    more.over ? condition("duration", ">", queryDuration(more.over)) : "",
    more.and,
  );
}

/** The address of a search for these calls, in the range that the page shows. */
export function searchURL(w: Which, more: { failed?: boolean; over?: number; and?: string; slowest?: boolean } = {}): string {
  return url("search", { q: queryOf(w, more), order: more.slowest ? "slowest" : null, ...rangeParams() });
}

/** The address of a service's page, or of the page of one of its operations. What has no name has no page; its spans can be searched for. */
export function serviceURL(service: string, operation?: string, kind?: Kind): string {
  if (service === "" || operation === "") return searchURL({ service, operation, kind });
  return url("service", { name: service, operation, kind, ...rangeParams() });
}

// Where programs write down whom they called, by what it is; the server names it by the first of them that a span has.
const peers: Record<string, readonly string[]> = {
  database: ["peer.service", "db.namespace", "db.name", "server.address", "net.peer.name", "db.system.name", "db.system"],
  queue: ["peer.service", "messaging.destination.name", "messaging.destination", "server.address", "messaging.system"],
  external: ["peer.service", "server.address", "net.peer.name", "http.host"],
};

/** The address of a search for the calls from a service to something that is none. */
export function peerURL(service: string, type: string, name: string): string {
  const host = type === "external" ? name.replace(/:\d+$/, "") : name;
  return searchURL({ service }, { and: `(${(peers[type] ?? []).map((key) => condition(key, "=", key === "http.host" ? name : host)).join(" or ")})` });
}
