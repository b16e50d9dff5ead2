import { describe, expect, test } from "vitest";
import { and, attributeField, condition, quote, value } from "./query";

describe("fields", () => {
  test.each([
    ["http.route", "", "http.route"],
    ["name", "", ".name"],
    ["event.id", "", ".event.id"],
    ["and", "", '."and"'],
    ["user id", "", '."user id"'],
    ["k8s.pod.name", "resource", "resource.k8s.pod.name"],
    ["version", "scope", 'scope."version"'],
    ['a"b', "span", 'span."a\\"b"'],
    ["用户.编号", "", "用户.编号"],
    ["", "", ""],
  ] as const)("%s %s", (key, scope, want) => expect(attributeField(key, scope)).toBe(want));
});

describe("values", () => {
  test.each([
    [500, "500"],
    [1e300, "1e+300"],
    [true, "true"],
    ["GET", "GET"],
    ["/cart", "/cart"],
    ["GET /cart", '"GET /cart"'],
    ["500", '"500"'],
    ["true", '"true"'],
    ["250ms", '"250ms"'],
    ["or", '"or"'],
    ["", '""'],
    ["a\nb\\c", '"a\\nb\\\\c"'],
    ['") or status = error or ("', '"\\") or status = error or (\\""'],
  ] as const)("%s", (v, want) => expect(value(v)).toBe(want));

  test("odd characters become escapes that the server knows", () => expect(quote("\u0085\u2028\u0000\ud800")).toBe('"\\u0085\\u2028\\u0000\ufffd"'));
});

test("conditions", () => {
  expect(and(condition("service", "=", "cart"), "", condition("duration", ">", "250ms"), undefined)).toBe('service = cart and duration > 250ms');
});
