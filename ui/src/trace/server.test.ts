import { expect, test } from "vitest";
import { decode } from "./columns";
import { Trace } from "./trace";

// The answers that the server's own tests are held to, with what is in them as text.
const answers = import.meta.glob<string>("../../../server/outline/testdata/*.columns", { query: "?url&inline", import: "default", eager: true });
const texts = import.meta.glob<string>("../../../server/outline/testdata/*.txt", { query: "?raw", import: "default", eager: true });

function bytes(dataUrl: string): ArrayBuffer {
  return Uint8Array.from(atob(dataUrl.slice(dataUrl.indexOf(",") + 1)), (c) => c.charCodeAt(0)).buffer;
}

const files = Object.keys(answers);

test("the server's answers are there", () => expect(files.length).toBeGreaterThan(2));

test.each(files)("%s", (file) => {
  const c = decode(bytes(answers[file]));
  const text = texts[file.replace(".columns", ".txt")];
  const header = JSON.parse(text.slice(0, text.indexOf("\n}") + 2)) as { traceId: string; rows: number; hidden: number; spanCount: number; durationNanos: number; under?: string };
  expect(c.summary.traceId).toBe(header.traceId);
  expect([c.rows, c.hidden, c.under]).toEqual([header.rows, header.hidden, header.under ?? ""]);
  const t = new Trace(c);
  // All that is hidden is hidden at some row, or is a root, or below one.
  const missing = t.missing.reduce((sum, m) => sum + m, 0);
  expect(missing).toBeLessThanOrEqual(header.hidden);
  let sizes = 0;
  for (let r = 0; r < t.count; r = t.end[r]) sizes += t.size[r];
  expect(sizes).toBe(t.count + missing);
  if (t.path.count > 0) {
    expect(t.path.from[0]).toBe(0);
    expect(t.path.until[t.path.count - 1]).toBe(header.durationNanos);
  }
  for (let r = 0; r < t.count; r++) {
    expect(t.nameOf(r)).toBeDefined();
    expect(t.spanId(r)).toMatch(/^[0-9a-f]{16}$/);
    expect(t.spanId(t.row(t.spanId(r)))).toBe(t.spanId(r));
    for (let e = t.firstEvent[r]; e < t.firstEvent[r + 1]; e++) expect(t.eventTime[e]).toBeTypeOf("number");
  }
});
