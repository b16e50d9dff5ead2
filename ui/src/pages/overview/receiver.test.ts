import { expect, it } from "vitest";
import { receiver } from "./receiver";

const all = { otlpHttp: "http://127.0.0.1:4318", otlpGrpc: "http://127.0.0.1:4317", zipkin: "http://127.0.0.1:9411" };

it("is the standard one on the same machine", () => {
  expect(receiver(all, "127.0.0.1")).toMatchObject({ endpoint: "http://127.0.0.1:4318", protocol: "", standard: true, loopbackOnly: false });
  expect(receiver(all, "localhost")?.loopbackOnly).toBe(false);
});

it("is not within reach of other machines if it listens on the loopback address", () => {
  expect(receiver(all, "trace.example.com")?.loopbackOnly).toBe(true);
});

it("is told where it is not the standard one", () => {
  expect(receiver({ otlpHttp: "https://weft.example.com:4318" }, "weft.example.com")).toMatchObject({ endpoint: "https://weft.example.com:4318", standard: false, loopbackOnly: false });
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
  expect(receiver(all, "localhost")?.all[2].address).toBe("http://127.0.0.1:9411/api/v2/spans");
});
