import type { Attributes } from "../../api/types";

/** What a call was, in a line: "GET /orders/{id}" on "orders:8080" came to "500". */
export interface Brief {
  protocol: "HTTP" | "RPC" | "DB" | "messaging";
  system: string; // "postgresql", "kafka", "grpc"
  call: string;
  peer: string;
  result: string;
  failed: boolean;
  url: string; // the whole address, if the call is shown by its route
  sent: number | undefined; // bytes of the request or message
  received: number | undefined; // bytes of the response
  count: number | undefined; // rows, messages
}

const grpc = ["OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"];

/** Sums up an HTTP request, a remote call, a database query or a message, from the attributes of now and of earlier conventions. */
export function brief(attributes: Attributes, server: boolean): Brief | undefined {
  const get = (...keys: string[]): unknown => {
    for (const k of keys) if (Object.hasOwn(attributes, k)) return attributes[k];
    return undefined;
  };
  const text = (...keys: string[]): string => {
    const v = get(...keys);
    return typeof v === "string" || typeof v === "number" ? String(v) : "";
  };
  const number = (...keys: string[]): number | undefined => {
    const v = get(...keys);
    const n = typeof v === "number" ? v : typeof v === "string" && /^\d+$/.test(v) ? Number(v) : NaN;
    return Number.isFinite(n) ? n : undefined;
  };
  const host = text("server.address", "net.peer.name", "peer.service");
  const port = text("server.port", "net.peer.port");
  const peer = server || !host ? "" : port ? `${host}:${port}` : host;
  const none = { peer, result: "", failed: false, url: "", sent: undefined, received: undefined, count: undefined };

  const method = text("http.request.method", "http.method");
  if (method) {
    const status = number("http.response.status_code", "http.status_code");
    const route = text("http.route");
    const whole = text("url.full", "http.url") || text("url.path", "http.target") + (text("url.query") ? `?${text("url.query")}` : "");
    const error = text("error.type");
    return {
      ...none,
      protocol: "HTTP",
      system: "",
      call: `${method} ${route || whole}`.trim(),
      peer: whole.includes("://") ? "" : peer,
      result: status !== undefined ? String(status) : error,
      failed: status !== undefined ? status >= (server ? 500 : 400) : error !== "",
      url: route && whole !== route ? whole : "",
      sent: number("http.request.body.size", "http.request_content_length"),
      received: number("http.response.body.size", "http.response_content_length"),
    };
  }
  const rpc = text("rpc.system.name", "rpc.system");
  if (rpc) {
    const service = text("rpc.service");
    const name = text("rpc.method");
    const code = get("rpc.response.status_code", "rpc.grpc.status_code", "rpc.connect_rpc.error_code");
    const known = typeof code === "number" || (typeof code === "string" && /^\d+$/.test(code)) ? grpc[Number(code)] : undefined;
    const result = known ?? (code === undefined ? "" : String(code));
    return { ...none, protocol: "RPC", system: rpc, call: service && !name.includes("/") ? `${service}/${name}` : name || service, result, failed: result !== "" && result !== "OK" && result !== "0" };
  }
  const db = text("db.system.name", "db.system");
  if (db) {
    const code = text("db.response.status_code", "error.type");
    const collection = text("db.collection.name", "db.sql.table", "db.mongodb.collection");
    const operation = text("db.operation.name", "db.operation");
    const call = text("db.query.summary") || [operation, collection].filter(Boolean).join(" ");
    const namespace = text("db.namespace", "db.name");
    return { ...none, protocol: "DB", system: db, call: call || namespace, peer: [peer, call ? namespace : ""].filter(Boolean).join("/"), result: code, failed: code !== "", count: number("db.response.returned_rows") };
  }
  const messaging = text("messaging.system");
  if (messaging) {
    return {
      ...none,
      protocol: "messaging",
      system: messaging,
      call: [text("messaging.operation.name", "messaging.operation.type", "messaging.operation"), text("messaging.destination.name", "messaging.destination")].filter(Boolean).join(" "),
      result: text("error.type"),
      failed: text("error.type") !== "",
      sent: number("messaging.message.body.size", "messaging.message_payload_size_bytes"),
      count: number("messaging.batch.message_count"),
    };
  }
  return undefined;
}
