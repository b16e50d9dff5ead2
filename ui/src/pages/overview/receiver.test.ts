import { expect, it } from "vitest";
import { receiver } from "./receiver";

const all = { otlpHttp: "http://127.0.0.1:4318", otlpGrpc: "http://127.0.0.1:4317", zipkin: "http://127.0.0.1:9411/api/v2/spans" };

it("is the standard one on the same machine", () => {
  expect(receiver(all, "127.0.0.1")).toMatchObject({ endpoint: "http://127.0.0.1:4318", protocol: "", standard: true, loopbackOnly: false });
  expect(receiver(all, "localhost")?.loopbackOnly).toBe(false);
});

it("is not within reach of other machines if it listens on the loopback address", () => {
  expect(receiver(all, "trace.example.com")?.loopbackOnly).toBe(true);
});

it("has the name of the page if it listens everywhere", () => {
  expect(receiver({ otlpHttp: "http://localhost:4318" }, "10.1.2.3")).toMatchObject({ endpoint: "http://10.1.2.3:4318", standard: false, loopbackOnly: false });
  expect(receiver({ otlpHttp: "https://[::]:4318" }, "weft.example.com")?.endpoint).toBe("https://weft.example.com:4318");
});

it("is gRPC if there is nothing else", () => {
  expect(receiver({ otlpGrpc: "http://10.0.0.1:4317" }, "10.0.0.1")).toMatchObject({ endpoint: "http://10.0.0.1:4317", protocol: "grpc", standard: false });
});

it("is nothing where nothing is received", () => {
  expect(receiver({}, "localhost")).toBeUndefined();
  expect(receiver(undefined, "localhost")).toBeUndefined();
});

it("lists every receiver", () => {
  expect(receiver(all, "localhost")?.all.map((a) => a.name)).toEqual(["OTLP/HTTP", "OTLP/gRPC", "Zipkin"]);
});
