/** Where a server takes spans, as it says in /stats; a member is absent if that receiver is off. */
export interface Receivers {
  otlpHttp?: string;
  otlpGrpc?: string;
  zipkin?: string;
}

export interface Receiver {
  endpoint: string; // for OTEL_EXPORTER_OTLP_ENDPOINT
  protocol: string; // for OTEL_EXPORTER_OTLP_PROTOCOL, "" if it is http
  standard: boolean; // it is where woven programs send if they are not told anything
  loopbackOnly: boolean; // and the page was opened from another machine
  all: { name: string; address: string }[];
}

const loopback = /^(localhost|127\..*|\[::1\])$/;

/**
 * Where programs send to, seen from where the page was opened: a receiver that listens on every address is reached by the name
 * that the page was reached by.
 */
export function receiver(r: Receivers | undefined, host: string): Receiver | undefined {
  const seen = (address: string | undefined) => {
    if (!address) return undefined;
    const at = /^(https?:\/\/)(localhost|0\.0\.0\.0|\[::\])(:\d+.*)$/.exec(address);
    return at ? at[1] + host + at[3] : address;
  };
  const http = seen(r?.otlpHttp);
  const grpc = seen(r?.otlpGrpc);
  const endpoint = http ?? grpc;
  if (!endpoint) return undefined;
  const of = /^https?:\/\/(.*):\d+/.exec(endpoint)?.[1] ?? "";
  const all = [
    { name: "OTLP/HTTP", address: http },
    { name: "OTLP/gRPC", address: grpc },
    { name: "Zipkin", address: seen(r?.zipkin) },
  ].filter((a): a is { name: string; address: string } => !!a.address);
  return { endpoint, protocol: http ? "" : "grpc", standard: /^http:\/\/(127\.0\.0\.1|localhost):4318$/.test(endpoint), loopbackOnly: loopback.test(of) && !loopback.test(host), all };
}
