import { describe, expect, test } from "vitest";
import { format, isSql, tokens } from "./SqlTokens";

const kinds = (sql: string) =>
  tokens(sql)
    .filter((t) => t.kind !== "space")
    .map((t) => `${t.kind}:${t.text}`);

describe("tokens", () => {
  test("a statement", () =>
    expect(kinds("SELECT o.id, COUNT(*) FROM customer_order o WHERE o.user = $1 AND total >= 1.5e3")).toEqual([
      "keyword:SELECT", "word:o", "punctuation:.", "word:id", "punctuation:,", "word:COUNT", "punctuation:(", "operator:*", "punctuation:)", "keyword:FROM", "word:customer_order", "word:o",
      "keyword:WHERE", "word:o", "punctuation:.", "word:user", "operator:=", "parameter:$1", "keyword:AND", "word:total", "operator:>=", "number:1.5e3",
    ]));
  test("a keyword after a dot is a name", () => expect(kinds("a.order")).toEqual(["word:a", "punctuation:.", "word:order"]));
  test("strings with quotes in them", () => expect(kinds(`'it''s' 'a\\'b' e'\\n' N'x'`)).toEqual(["string:'it''s'", "string:'a\\'b'", "string:e'\\n'", "string:N'x'"]));
  test("strings in dollars", () => expect(kinds("$$a 'b'$$ $f$ $$ $f$ $1")).toEqual(["string:$$a 'b'$$", "string:$f$ $$ $f$", "parameter:$1"]));
  test("quoted names of three dialects", () => expect(kinds('"a ""b" `c d` [e f]')).toEqual(['quoted:"a ""b"', "quoted:`c d`", "quoted:[e f]"]));
  test("parameters", () => expect(kinds("? ?2 :name @p1 %s %(x)s")).toEqual(["parameter:?", "parameter:?2", "parameter::name", "parameter:@p1", "parameter:%s", "parameter:%(x)s"]));
  test("a cast is no parameter", () => expect(kinds("x::text")).toEqual(["word:x", "operator:::", "word:text"]));
  test("comments hide quotes", () => expect(kinds("-- it's\n/* 'x' -- */ 1 # y")).toEqual(["comment:-- it's", "comment:/* 'x' -- */", "number:1", "comment:# y"]));
  test("a keyword in a string is part of it", () => expect(kinds("'SELECT'")).toEqual(["string:'SELECT'"]));

  test.each(["'not closed", '"not closed', "`not closed", "/* not closed", "$$ not closed", "SELECT <script>alert(1)</script>", "\u0000\ud800 % ( [ \\", "选择 * 从 表", "", "a->>'b' @> '{}' ?| array['x']", "((((", "\u202eSELECT"])("nothing is lost of %j", (sql) =>
    expect(tokens(sql).map((t) => t.text).join("")).toBe(sql),
  );

  test.each(["'", "''x", "/*", "$a", "[a", '"', "(", "a ", "\\'"])("a megabyte of %j is read", (part) => {
    const sql = "'" + part.repeat(300_000);
    expect(tokens(sql).reduce((n, t) => n + t.text.length, 0)).toBe(sql.length);
    const open = part.repeat(300_000);
    expect(tokens(open).reduce((n, t) => n + t.text.length, 0)).toBe(open.length);
  });
});

describe("format", () => {
  test("short ones stay on one line", () => expect(format("  SELECT 1 ")).toBe("SELECT 1"));
  test("what has lines keeps them", () => expect(format("SELECT a,\n       b\nFROM t")).toBe("SELECT a,\n       b\nFROM t"));
  test("clauses and conditions", () =>
    expect(format("SELECT sku, SUM(quantity) FROM stock_movement WHERE LOWER(sku) IN (?) AND at BETWEEN $1 AND $2 OR x IS NULL GROUP BY sku ORDER BY sku LIMIT 10")).toBe(
      "SELECT sku, SUM(quantity)\nFROM stock_movement\nWHERE LOWER(sku) IN (?)\n  AND at BETWEEN $1 AND $2\n  OR x IS NULL\nGROUP BY sku\nORDER BY sku\nLIMIT 10",
    ));
  test("joins and subqueries", () =>
    expect(format("SELECT o.id FROM customer_order o LEFT OUTER JOIN customer c ON c.id = o.customer_id WHERE o.id IN (SELECT order_id FROM line WHERE sku = 'from x') AND true")).toBe(
      "SELECT o.id\nFROM customer_order o\nLEFT OUTER JOIN customer c ON c.id = o.customer_id\nWHERE o.id IN (\n  SELECT order_id\n  FROM line\n  WHERE sku = 'from x'\n)\n  AND true",
    ));
  test("statements that change something", () => {
    expect(format("INSERT INTO customer_order (id, user_id, cents) VALUES ($1, $2, $3) RETURNING id, placed_at")).toBe("INSERT INTO customer_order (id, user_id, cents)\nVALUES ($1, $2, $3)\nRETURNING id, placed_at");
    expect(format("UPDATE stock SET quantity = quantity - ? WHERE sku = ? AND quantity >= ? AND warehouse = ?")).toBe("UPDATE stock\nSET quantity = quantity - ?\nWHERE sku = ?\n  AND quantity >= ?\n  AND warehouse = ?");
    expect(format("SELECT id, quantity FROM stock WHERE sku = $1 AND quantity > 0 FOR UPDATE SKIP LOCKED")).toContain("\nFOR UPDATE SKIP LOCKED");
  });
  test("only spaces change", () => {
    const sql = "WITH x AS (SELECT 1 -- it's FROM\n), y AS (SELECT 'a  b' FROM x) SELECT * FROM x, y WHERE (x.a = y.a AND (x.b OR y.b))".replace("\n", " ");
    expect(format(sql).replace(/\s+/g, "")).toBe(sql.replace(/\s+/g, ""));
    expect(format(sql.replace("-- it's FROM", ""))).toContain("'a  b'");
  });
});

test("what is SQL", () => {
  expect(isSql("SELECT 1")).toBe(true);
  expect(isSql(" -- by the pool\n(select 1)", "postgresql")).toBe(true);
  expect(isSql("GET session:1", "redis")).toBe(false);
  expect(isSql("SET session:1 x", "redis")).toBe(false);
  expect(isSql('{"find":"orders"}', "mongodb")).toBe(false);
  expect(isSql("")).toBe(false);
});
