import type { Session } from "../../shell/session";

export interface Receiver {
  endpoint: string; // for OTEL_EXPORTER_OTLP_ENDPOINT
  protocol: string; // for OTEL_EXPORTER_OTLP_PROTOCOL, "" if it is http
  standard: boolean; // it is where woven programs send if they are not told anything
  loopbackOnly: boolean; // and the page was opened from another machine
  all: { name: string; address: string }[];
}

const loopback = /^(localhost|127\..*|\[::1\])$/;

/** Where programs send to: what the server said, and by which name the page was opened. */
export function receiver(r: Session["receivers"], host: string): Receiver | undefined {
  const http = r?.otlpHttp;
  const grpc = r?.otlpGrpc;
  const endpoint = http ?? grpc;
  if (!endpoint) return undefined;
  const of = /^https?:\/\/(.*):\d+/.exec(endpoint)?.[1] ?? "";
  const all = [
    { name: "OTLP/HTTP", address: http },
    { name: "OTLP/gRPC", address: grpc },
    { name: "Zipkin", address: r?.zipkin && r.zipkin + "/api/v2/spans" },
  ].filter((a): a is { name: string; address: string } => !!a.address);
  return { endpoint, protocol: http ? "" : "grpc", standard: /^http:\/\/(127\.0\.0\.1|localhost):4318$/.test(endpoint), loopbackOnly: loopback.test(of) && !loopback.test(host), all };
}
