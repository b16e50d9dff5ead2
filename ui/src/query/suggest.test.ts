import { describe, expect, test, vi } from "vitest";

// What the language of the page is read from.
vi.hoisted(() => Object.assign(globalThis, { document: { documentElement: {} }, navigator: { language: "en", languages: ["en"] } }));

import { placeAt } from "./complete";
import { shortFields, shorten } from "./names";
import { needsValues, pastedId, suggest, type Known } from "./suggest";

const known: Known = {
  fields: [
    { field: "http.route", type: "string", spans: 10 },
    { field: "http.response.status_code", type: "int", spans: 9 },
  ],
  values: { values: [{ value: "GET /cart", type: "string", spans: 4 }, { value: "500", type: "string", spans: 2 }, { value: "", type: "string", spans: 1 }], more: false },
  traces: true,
};
const texts = (q: string, k = known) => suggest(q, q.length, k).map((s) => s.text);

describe("suggestions", () => {
  test("fields, those that begin so first", () => {
    expect(texts("route")).toEqual(["http.route"]);
    expect(texts("s").slice(0, 4)).toEqual(["service", "status", "span", "scope"]);
    expect(texts("a = 1 and ht")).toEqual(["http.route", "http.response.status_code"]);
  });
  test("operators that the field has", () => {
    expect(texts("duration ")).not.toContain("=~");
    expect(texts("status ")).not.toContain(">=");
    expect(texts("http.response.status_code ")).toContain(">=");
    expect(texts("http.route ")).not.toContain(">=");
    expect(texts("name ex")).toEqual(["exists", "not exists"]);
  });
  test("values are quoted as they need", () => {
    expect(texts("x = ")).toEqual(['"GET /cart"', '"500"', '""']);
    expect(texts("x = 5")).toEqual(['"500"']);
    expect(texts("status = e")).toEqual(["error", "unset"]);
    expect(texts("duration > 25")).toEqual(["25ms", "25s", "25us", "25m", "25h", "25ns"]);
    expect(texts('name = "GET /ca')).toEqual(['"GET /cart"']);
  });
  test("what joins conditions", () => {
    expect(texts("a = 1 ")).toEqual(["and", "or"]);
    expect(texts("(a = 1 ")).toEqual(["and", "or", ")"]);
    expect(texts("kind in (a ")).toEqual([",", ")"]);
  });
  test("nothing that is there already", () => expect(texts("status = error")).toEqual([]));
  test("a trace's id", () => {
    const id = "4bf92f3577b34da6a3ce929d0e0e4736";
    expect(suggest(` ${id}`, 33, known)[0]).toMatchObject({ kind: "trace", text: id });
    expect(suggest(id.slice(0, 16), 16, known).map((s) => s.kind)).toEqual(["query", "trace"]);
    expect(suggest(id, 32, { ...known, traces: false }).some((s) => s.kind === "trace")).toBe(false);
    expect(pastedId("deadbeefdeadbeef")).toBe(""); // no digit: a word
    expect(pastedId(id + "0")).toBe("");
  });
  test("values are asked for where the server knows them", () => {
    const need = (q: string) => needsValues(placeAt(q, q.length));
    expect(need("http.route = /c")).toEqual({ field: "http.route", prefix: "/c" });
    expect(need("http.route in (a, b")).toEqual({ field: "http.route", prefix: "b" });
    for (const q of ["", "http.route", "duration > 1", "status = e", "name =~ a", "x > 1"]) expect(need(q)).toBeUndefined();
  });
});

describe("short names of fields", () => {
  test.each([
    ["span.http.route", "http.route"],
    ["resource.k8s.pod.name", "k8s.pod.name"],
    ["span.name", ".name"],
    ["span.event.id", ".event.id"],
    ["event.exception.type", "event.exception.type"],
    ['span."user id"', '."user id"'],
    ["service", "service"],
    ["scope.version", "scope.version"],
  ])("%s is %s", (field, short) => expect(shorten(field)).toBe(short));
  test("a key of spans and resources can be asked for in both and in either", () => {
    const k = (field: string, scope: "span" | "resource" | "event", spans: number) => ({ field, scope, type: "string" as const, spans });
    expect(shortFields([k("span.a", "span", 3), k("resource.a", "resource", 5), k("span.b", "span", 4), k("event.a", "event", 1)])).toEqual([
      { field: "a", type: "string", spans: 5 },
      { field: "resource.a", type: "string", spans: 5 },
      { field: "b", type: "string", spans: 4 },
      { field: "span.a", type: "string", spans: 3 },
      { field: "event.a", type: "string", spans: 1 },
    ]);
  });
});
