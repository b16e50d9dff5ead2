/** A piece of SQL. All pieces put together are the text again, character for character. */
export interface Token {
  kind: "keyword" | "word" | "quoted" | "string" | "number" | "parameter" | "comment" | "operator" | "punctuation" | "space";
  text: string;
}

const keywords = new Set(
  `add all alter analyze and any array as asc begin between both by call cascade case cast check column commit conflict constraint copy
   create cross current cte database declare default deferrable delete desc distinct do drop each else end escape except exec execute
   exists explain false fetch filter first following for foreign format from full function grant group grouping having if ignore ilike
   in index inner insert intersect interval into is isolation join key last lateral left level like limit listen lock locked materialized
   matched merge natural next not nothing notify nowait null nulls of off offset on only or order outer over overlaps partition
   precision preceding prepare primary range read recursive references release rename replace returning revoke right rollback row rows
   savepoint select serializable set share show skip some start table temporary then to transaction trigger true truncate
   unbounded union unique unlisten unnest update upsert use using vacuum values view wait when where window with within without work write`.split(/\s+/),
);

// One token, tried from left to right. No alternative fails after a long way, so that the time is proportional to the text.
const pattern = new RegExp(
  [
    String.raw`(?<space>\s+)`,
    String.raw`(?<comment>--[^\n]*|#[^\n]*|\/\*(?:[^*]+|\*(?!\/))*(?:\*\/)?)`,
    String.raw`(?<dollar>\$(?:[A-Za-z_]\w*)?\$)`, // the start of a string in dollars, PostgreSQL
    String.raw`(?<string>[eEnNxXbB]?'(?:[^'\\]+|''|\\[\s\S])*'?)`,
    String.raw`(?<quoted>"(?:[^"]+|"")*"?|` + "`[^`]*`?" + String.raw`|\[[A-Za-z_][^\]\n]{0,127}\])`,
    String.raw`(?<parameter>\$\d+|\?\d*|[:@][A-Za-z_]\w*|%s|%\(\w+\)s)`,
    String.raw`(?<number>(?:0[xX][0-9a-fA-F]+|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?))`,
    String.raw`(?<word>[\p{L}_][\p{L}\p{N}_$]*)`,
    String.raw`(?<punctuation>[(),;.\[\]{}])`,
    String.raw`(?<operator>::|:=|[<>=!~|&^+\-*\/%#@?]+?(?=[^<>=!~|&^+\-*\/%#@?]|$)|[\s\S])`,
  ].join("|"),
  "uy",
);

/** Splits SQL of any dialect into its pieces. What is not understood is an operator or a word; nothing is lost. */
export function tokens(sql: string): Token[] {
  const out: Token[] = [];
  pattern.lastIndex = 0;
  while (pattern.lastIndex < sql.length) {
    const m = pattern.exec(sql);
    if (!m) {
      // cannot be: the last alternative takes any character
      out.push({ kind: "operator", text: sql.slice(out.reduce((n, t) => n + t.text.length, 0)) });
      break;
    }
    const g = m.groups!;
    const text = m[0];
    if (g.dollar !== undefined) {
      const end = sql.indexOf(text, pattern.lastIndex);
      const until = end < 0 ? sql.length : end + text.length;
      out.push({ kind: "string", text: sql.slice(m.index, until) });
      pattern.lastIndex = until;
    } else if (g.word !== undefined) {
      const afterDot = out.at(-1)?.text === ".";
      out.push({ kind: !afterDot && keywords.has(text.toLowerCase()) ? "keyword" : "word", text });
    } else {
      const kind = (["space", "comment", "string", "quoted", "parameter", "number", "punctuation"] as const).find((k) => g[k] !== undefined);
      out.push({ kind: kind ?? "operator", text });
    }
  }
  return out;
}

const systems = /sql|postgres|mysql|mariadb|oracle|db2|cockroach|clickhouse|trino|presto|hive|spanner|redshift|snowflake|bigquery|h2|hsqldb|derby|firebird|cassandra|teradata|vertica|sybase|informix|edb|hanadb|sap\.hana|maxdb|progress|pervasive/i;
const statement = /^\s*(?:(?:--[^\n]*\n|\/\*(?:[^*]|\*(?!\/))*\*\/|\()\s*)*(select|insert|update|delete|with|create|alter|drop|begin|commit|rollback|truncate|merge|explain|analyze|vacuum|copy|call|exec|execute|set|show|use|lock|savepoint|release|replace|upsert|prepare|declare|grant|revoke|values|start|listen|notify|fetch|pragma)\b/i;

/** Whether a database's query is SQL; system is what the attributes call the database. */
export function isSql(text: string, system = ""): boolean {
  return statement.test(text) && (system === "" || systems.test(system));
}

// Words that start a line of their own. Those of several words are known by their first.
const clause = /^(select|from|where|group|having|order|limit|offset|fetch|union|intersect|except|insert|update|set|values|delete|returning|window|for|with)$/;
const join = /^(join|left|right|inner|outer|full|cross|natural)$/;

/**
 * Lays SQL out over lines: clauses at the start of one, conditions and subqueries indented. What already has lines, or is
 * short, stays as it is; only spaces are changed, and nothing in comments and strings.
 */
export function format(sql: string): string {
  const text = sql.trim();
  if (text.includes("\n") || text.length <= 48) return text;
  let out = "";
  let depth = 0;
  const blocks: { depth: number; broken: boolean; between: number }[] = [{ depth: 0, broken: true, between: 0 }];
  let last = "";
  let space = false;
  const line = (indent: number) => {
    out = out.trimEnd();
    if (out) out += "\n" + "  ".repeat(indent);
    space = false;
  };
  const all = tokens(text);
  for (let i = 0; i < all.length; i++) {
    const { kind, text } = all[i];
    if (kind === "space") {
      space = true;
      continue;
    }
    const word = kind === "keyword" ? text.toLowerCase() : "";
    const block = blocks.at(-1)!;
    if (word === "between") block.between++;
    if (text === ")" && blocks.length > 1) {
      const closed = blocks.pop()!;
      if (closed.broken) {
        depth = closed.depth;
        line(depth);
      }
    } else if (block.broken && clause.test(word) && !(word === "from" && last === "distinct") && !(word === "update" && (last === "for" || last === "do" || last === "key")) && !(word === "set" && last === "update") && !(word === "delete" && last === "on") && !((word === "select" || word === "values") && last === "(") && !(word === "for" && last === "(")) {
      if (out && !out.endsWith("\n" + "  ".repeat(depth))) line(depth);
    } else if (block.broken && join.test(word) && !join.test(last)) {
      line(depth);
    } else if (block.broken && (word === "and" || word === "or")) {
      if (word === "and" && block.between) block.between--;
      else line(depth + 1);
    }
    if (space && out && !/\s$/.test(out)) out += " ";
    space = false;
    out += text;
    if (text === "(") {
      const next = all.slice(i + 1, i + 3).find((t) => t.kind !== "space");
      const broken = /^(select|with)$/i.test(next?.text ?? "") && blocks.length < 40;
      blocks.push({ depth, broken, between: 0 });
      if (broken) {
        depth++;
        line(depth);
      }
    } else if (kind === "comment" && text.startsWith("-")) line(depth);
    else if (text === ";") line(0);
    last = word || text;
  }
  return out.trim();
}
