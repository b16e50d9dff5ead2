import { ask, Problem, type Query } from "../api/client";
import { decode, expectedBytes, type Columns } from "./columns";

/** How much of an answer is there, in bytes; of: 0 as long as nobody knows. */
export interface Arrived {
  bytes: number;
  of: number;
}

interface How {
  signal?: AbortSignal;
  etag?: string; // of what is there already
  onProgress?: (p: Arrived) => void;
}

/** What the server sends of a trace at most; more is folded. */
export const mostRows = 100_000;

/** Asks for a trace in columns. Undefined: it is still what etag says. */
export async function loadColumns(traceId: string, query: Query, { signal, etag, onProgress }: How = {}): Promise<{ columns: Columns; etag: string } | undefined> {
  const r = await ask(`/traces/${traceId}`, { format: "columns", ...query }, signal, "application/vnd.weft.columns", etag ? { "If-None-Match": etag } : {});
  if (r.status === 304) return undefined;
  const buffer = await whole(r, onProgress);
  try {
    return { columns: decode(buffer), etag: r.headers.get("ETag") ?? "" };
  } catch (e) {
    throw new Problem(-1, (e as Error).message);
  }
}

/** The body of an answer in one piece, which typed arrays need, with word of how far it is. */
async function whole(r: Response, onProgress?: (p: Arrived) => void): Promise<ArrayBuffer> {
  if (!onProgress || !r.body) return r.arrayBuffer();
  const reader = r.body.getReader();
  let buffer = new Uint8Array(1 << 20);
  let bytes = 0;
  let of = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      if (bytes + value.length > buffer.length) {
        const larger = new Uint8Array(Math.max(2 * buffer.length, bytes + value.length, of));
        larger.set(buffer.subarray(0, bytes));
        buffer = larger;
      }
      buffer.set(value, bytes);
      bytes += value.length;
      if (!of) of = expectedBytes(buffer.subarray(0, bytes));
      onProgress({ bytes, of });
    }
  } catch (e) {
    if ((e as Error).name === "AbortError") throw e;
    throw new Problem(0, `the connection broke off after ${bytes} bytes`);
  }
  return buffer.buffer.slice(0, bytes);
}
