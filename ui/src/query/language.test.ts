import { describe, expect, test } from "vitest";
import { insert, placeAt } from "./complete";
import { addCondition, chosen, conditions, durations, excludeValue, removeCondition, setDurations, setValues, toggleValue } from "./edit";
import { columnToIndex, fieldKey, quoteValue, tokens } from "./tokens";

const kinds = (q: string) => tokens(q).map((t) => `${t.kind}:${t.text}`);

describe("tokens", () => {
  test("every kind", () => {
    expect(kinds(`service = "a b" and not (.'user id' in (1, 2)) && x !~ \`\\d\``)).toEqual([
      "word:service", "op:=", "string:a b", "keyword:and", "keyword:not", "punct:(", "field:user id", "keyword:in", "punct:(", "word:1", "punct:,", "word:2", "punct:)", "punct:)",
      "keyword:and", "word:x", "op:!~", "string:\\d",
    ]);
  });
  test("operators as in other languages", () => expect(kinds("a==1||!b<=2")).toEqual(["word:a", "op:=", "word:1", "keyword:or", "keyword:not", "word:b", "op:<=", "word:2"]));
  test("escapes", () => expect(tokens(String.raw`"\"\\\n\u00e9\x41\U0001f600'"`)[0].text).toBe("\"\\\né" + "A😀'"));
  test("an open quote goes on to the end", () => expect(tokens(`name = "GET /ca`)[2]).toMatchObject({ kind: "string", text: "GET /ca", open: true, end: 15 }));
  test("what cannot be a code point is no error", () => expect(tokens(String.raw`"\Uffffffff"`)[0].open).toBe(false));
  test("Chinese words and what needs quotes", () => {
    expect(kinds("服务 = 购物车")).toEqual(["word:服务", "op:=", "word:购物车"]);
    expect(kinds("a = *")).toEqual(["word:a", "op:=", "bad:*"]);
    expect(kinds("😀{")).toEqual(["bad:😀", "bad:{"]);
  });
  test("the words of the language in any case", () => expect(kinds("a AND Not b")).toEqual(["word:a", "keyword:and", "keyword:not", "word:b"]));
  test("tokens stand in order and do not overlap, whatever the text", () => {
    const signs = [..."ab .\"'`\\()=<>!~&|*^,中😀\n{$"];
    let seed = 7;
    for (let n = 0; n < 3000; n++) {
      let q = "";
      for (let k = 0; k < 14; k++) q += signs[(seed = (seed * 48271) % 2147483647) % signs.length];
      let end = 0;
      for (const t of tokens(q)) {
        expect(t.at).toBeGreaterThanOrEqual(end);
        expect(t.end).toBeGreaterThan(t.at);
        end = t.end;
      }
      expect(end).toBeLessThanOrEqual(q.length);
      conditions(q);
      for (let c = 0; c <= q.length; c++) placeAt(q, c);
    }
  });
});

describe("values", () => {
  test.each([
    ["cart", "cart"],
    ["GET /cart/{id}", `"GET /cart/{id}"`],
    ["/v1/items", "/v1/items"],
    [`say "hi"`, String.raw`"say \"hi\""`],
    [`C:\\temp`, String.raw`"C:\\temp"`],
    ["a\nb\tc\rd", String.raw`"a\nb\tc\rd"`],
    ["购物车", "购物车"],
    ["下单 成功", `"下单 成功"`],
    ["é", "é"],
    ["and", `"and"`],
    ["Exists", `"Exists"`],
    ["", `""`],
    ["\u202egnp", String.raw`"\u202egnp"`],
    ["a`b", '"a`b"'],
    ["😀", `"😀"`],
    ["500", "500"],
  ])("%j is written %s", (value, written) => {
    expect(quoteValue(value)).toBe(written);
    const [t, ...more] = tokens(written);
    expect(more).toEqual([]);
    expect(t.text).toBe(value);
    expect(conditions(`x = ${written}`)).toMatchObject([{ field: "x", values: [value] }]);
  });
  test("text that looks like a number is kept apart from the number where the type is known", () => {
    expect(quoteValue("500", "string")).toBe(`"500"`);
    expect(quoteValue("500", "int")).toBe("500");
    expect(quoteValue("true", "string")).toBe(`"true"`);
    expect(quoteValue("10MB", "string")).toBe(`"10MB"`);
  });
  test("one field, however it is written", () => {
    expect(fieldKey(tokens(".http.route")[0])).toBe("http.route");
    expect(fieldKey(tokens(`."http.route"`)[0])).toBe("http.route");
    expect(fieldKey(tokens("status.message")[0])).toBe("message");
    expect(fieldKey(tokens("span.http.route")[0])).toBe("span.http.route");
    expect(fieldKey(tokens(".name")[0])).toBe(".name");
  });
});

describe("conditions", () => {
  test("those that all have to hold", () => {
    expect(conditions(`service in (a, "b c") duration > 1s and (x = 1 or y = 2) not user.id = 42 and z not exists timeout`)).toMatchObject([
      { field: "service", op: "in", values: ["a", "b c"], negated: false },
      { field: "duration", op: ">", values: ["1s"] },
      { text: "(x = 1 or y = 2)", values: [] },
      { field: "user.id", op: "=", values: ["42"], negated: true, text: "not user.id = 42" },
      { field: "z", op: "exists", negated: true },
      { text: "timeout" },
    ]);
  });
  test("an or outside is one condition", () => expect(conditions("a = 1 or b = 2 and c = 3")).toMatchObject([{ text: "a = 1 or b = 2 and c = 3" }]));
  test("a text before not", () => expect(conditions("cart not user.id exists")).toMatchObject([{ text: "cart" }, { field: "user.id", op: "exists", negated: true }]));
  test.each(["a =", "a = (", "(a = 1", "a = 1)", "in (1)", '"open', "a = 1 and", "a in (1,)", "a = *", "a not", '"a" = 1'])("%s is not well formed", (q) => expect(conditions(q)).toBeUndefined());
  test("parentheses without end are no end of the page", () => expect(conditions("(".repeat(50_000))).toBeUndefined());
});

describe("editing", () => {
  test("add", () => {
    expect(addCondition("", "a = 1")).toBe("a = 1");
    expect(addCondition("a = 1", "b = 2")).toBe("a = 1 and b = 2");
    expect(addCondition("a = 1 b = 2", "b = 2")).toBe("a = 1 b = 2");
    expect(addCondition("a = 1 or b = 2", "c = 3")).toBe("(a = 1 or b = 2) and c = 3");
    expect(addCondition("c = 3", "a = 1 or b = 2")).toBe("c = 3 and (a = 1 or b = 2)");
  });
  test("remove", () => {
    expect(removeCondition("a = 1 and b = 2 and c = 3", "b = 2")).toBe("a = 1 and c = 3");
    expect(removeCondition("a = 1", "a = 1")).toBe("");
    expect(removeCondition("(a = 1 or b = 2) and c = 3", "c = 3")).toBe("(a = 1 or b = 2)");
    expect(removeCondition("a = 1", "b = 2")).toBe("a = 1");
  });
  test("values of a field", () => {
    expect(setValues("", "service", ["cart"])).toBe("service = cart");
    expect(setValues("service = cart and status = error", "service", ["cart", "a b"])).toBe(`service in (cart, "a b") and status = error`);
    expect(setValues("x = 1 and service = cart", "service", [])).toBe("x = 1");
    expect(setValues(".http.route = /a and x = 1", "http.route", ["/b"])).toBe("http.route = /b and x = 1");
    expect(setValues("not service = cart", "service", ["cart"])).toBe("not service = cart and service = cart");
    expect(setValues("", "code", ["500"], "string")).toBe(`code = "500"`);
  });
  test("toggle", () => {
    let q = toggleValue("status = error", "service", "购物 车");
    expect(q).toBe(`status = error and service = "购物 车"`);
    q = toggleValue(q, "service", `a"\\b`);
    expect(q).toBe(String.raw`status = error and service in ("购物 车", "a\"\\b")`);
    expect(chosen(q, "service").in).toEqual(["购物 车", `a"\\b`]);
    q = toggleValue(q, "service", "购物 车");
    expect(toggleValue(q, "service", `a"\\b`)).toBe("status = error");
  });
  test("exclude", () => {
    expect(excludeValue("", "service", "cart")).toBe("service != cart");
    expect(excludeValue("a = 1", "user.id", "42")).toBe("a = 1 and not user.id = 42");
    expect(excludeValue("a = 1 and not user.id = 42", "user.id", "42")).toBe("a = 1");
    expect(excludeValue("service = cart", "service", "cart")).toBe("service != cart");
    expect(toggleValue("service != cart", "service", "cart")).toBe("service = cart");
  });
  test("durations", () => {
    expect(setDurations("", "10ms", "")).toBe("duration >= 10ms");
    expect(setDurations("duration > 1s and a = 1", "10ms", "2s")).toBe("duration >= 10ms and a = 1 and duration < 2s");
    expect(setDurations("duration >= 10ms and a = 1 and duration < 2s", "", "")).toBe("a = 1");
    expect(durations("duration >= 10ms and duration < 2s")).toEqual({ min: "10ms", max: "2s", above: ">=", below: "<" });
    expect(durations("duration > 1s")).toEqual({ min: "1s", max: "", above: ">", below: "" });
  });
});

describe("places", () => {
  // The caret is where the | stands.
  const at = (s: string) => placeAt(s.replace("|", ""), s.indexOf("|"));
  test.each([
    ["|", "condition", ""],
    ["ser|", "condition", "ser"],
    ["service |", "comparison", ""],
    ["service not |", "in or exists", ""],
    ["service = |", "value", ""],
    ["service =|", "value", ""],
    ["service = ca|", "value", "ca"],
    [`name = "GET /ca|`, "value", "GET /ca"],
    ["service = cart |", "conjunction", ""],
    ["service = cart a|", "conjunction", "a"],
    ["service = cart and |", "condition", ""],
    ["kind in |", "list", ""],
    ["kind in (|", "value in list", ""],
    ["kind in (a, b|", "value in list", "b"],
    ["kind in (a |", "comma", ""],
    ["kind in (a) |", "conjunction", ""],
    ["(a = 1 |", "conjunction", ""],
    ["not |", "condition", ""],
    ["a exists |", "conjunction", ""],
    ["cart not us|", "condition", "us"],
    ["ser| = cart", "condition", "ser"],
    ["service = c|art and x = 1", "value", "c"],
  ])("%s expects a %s", (q, expects, typed) => expect(at(q)).toMatchObject({ expects, typed }));
  test("the field of a value", () => expect(at("a = 1 and not .http.route = |").field).toBe("http.route"));
  test("depth", () => expect(at("((a = 1) |").depth).toBe(1));
  test.each([
    ["ser|", "service", "service |"],
    ["service = c|art and x = 1", "checkout", "service = checkout |and x = 1"],
    ["service =|", "cart", "service = cart |"],
    ["kind in (a |", ",", "kind in (a, |"],
    ["kind in (a |", ")", "kind in (a) |"],
    [`name = "GET|`, `"GET /x"`, `name = "GET /x" |`],
  ])("%s with %s is %s", (q, what, want) => {
    const got = insert(q.replace("|", ""), at(q), what);
    expect(got.text.slice(0, got.caret) + "|" + got.text.slice(got.caret)).toBe(want);
  });
  test("a column of the server is counted in characters", () => {
    expect(columnToIndex("😀 = (", 5)).toBe(5);
    expect(columnToIndex("中 = (", 5)).toBe(4);
  });
});
