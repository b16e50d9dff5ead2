import { useEffect, useRef, useState } from "preact/hooks";
import { refresh, refreshes } from "../range";
import { base } from "../router";

/** What the server answered instead of what was asked for (RFC 9457). */
export class Problem extends Error {
  constructor(
    readonly status: number, // 0: there was no answer
    message: string,
    readonly parameter = "",
    readonly column = 0, // of the parameter, from 1; 0: none
  ) {
    super(message);
  }
}

type Value = string | number | boolean | null | undefined | readonly string[];
export type Query = Record<string, Value>;

/** The address of a request to the API; path begins with a slash. Empty parameters are left out. */
export function apiURL(path: string, query: Query = {}): string {
  const q = new URLSearchParams();
  for (const [k, v] of Object.entries(query)) {
    if (v === null || v === undefined || v === "" || v === false) continue;
    if (Array.isArray(v)) for (const one of v) q.append(k, one);
    else q.set(k, String(v));
  }
  const s = q.toString();
  return base + "api/weft/v1" + path + (s ? "?" + s : "");
}

// Longer addresses are turned down by some proxies; what takes long parameters can be asked with POST, too.
const longestURL = 4000;
const posts = new Set(["/search", "/aggregate", "/heatmap", "/differences", "/waits"]);

/** Asks the API. Throws a Problem, or an AbortError if the signal said so. An etag in headers may be answered with 304. */
export async function ask(path: string, query: Query = {}, signal?: AbortSignal, accept = "application/json", headers: Record<string, string> = {}): Promise<Response> {
  let url = apiURL(path, query);
  const init: RequestInit = { signal, headers: { ...headers, Accept: accept }, credentials: "same-origin" };
  if (url.length > longestURL && posts.has(path)) {
    init.method = "POST";
    init.body = new URLSearchParams(url.slice(url.indexOf("?") + 1));
    url = apiURL(path);
  }
  let r: Response;
  try {
    r = await fetch(url, init);
  } catch (e) {
    if ((e as Error).name === "AbortError") throw e;
    askAgain();
    throw new Problem(0, "");
  }
  if (r.ok || r.status === 304) return r;
  if (r.status === 401) {
    location.assign(base + "login?next=" + encodeURIComponent(location.pathname.slice(base.length) + location.search));
    await new Promise(() => {}); // the page is being left
  }
  if (r.status === 502 || r.status === 503) askAgain();
  let p: { detail?: string; title?: string; parameter?: string; column?: number } = {};
  try {
    p = await r.json();
  } catch {
    // a proxy's error page
  }
  throw new Problem(r.status, p.detail ?? p.title ?? r.statusText, p.parameter, p.column);
}

let again: ReturnType<typeof setTimeout> | undefined;

// The server is away: what the page shows is asked for again until it is back.
function askAgain(): void {
  again ??= setTimeout(() => {
    again = undefined;
    if (document.visibilityState === "visible") refresh();
    else askAgain();
  }, 5000);
}

/** Asks the API for JSON. */
export async function get<T>(path: string, query?: Query, signal?: AbortSignal): Promise<T> {
  return (await ask(path, query, signal)).json() as Promise<T>;
}

export interface Loaded<T> {
  data: T | undefined; // the newest there is, while loading that of the question before
  error: Problem | undefined;
  loading: boolean;
  reload: () => void;
}

/**
 * Loads what a component shows, again whenever something in deps changes, when the user refreshes, and by reload. While
 * it loads and after an error the component keeps what it had, unless the question in deps is another one and keep is false.
 */
export function useLoad<T>(load: (signal: AbortSignal) => Promise<T> | undefined, deps: readonly unknown[], how: { keep?: boolean; refreshed?: boolean } = {}): Loaded<T> {
  const { keep = true, refreshed = true } = how;
  const [state, setState] = useState<{ data?: T; error?: Problem; loading: boolean; key: string }>({ loading: true, key: "" });
  const [again, setAgain] = useState(0);
  const key = JSON.stringify(deps);
  const latest = useRef(load);
  latest.current = load;
  const tick = refreshed ? refreshes.value : 0;
  useEffect(() => {
    const abort = new AbortController();
    const promise = latest.current(abort.signal);
    if (!promise) {
      setState({ loading: false, key });
      return;
    }
    setState((s) => ({ data: keep || s.key === key ? s.data : undefined, error: s.error, loading: true, key }));
    promise.then(
      (data) => {
        if (!abort.signal.aborted) setState({ data, loading: false, key });
      },
      (e: Error) => {
        if (abort.signal.aborted) return;
        const error = e instanceof Problem ? e : new Problem(-1, String(e));
        setState((s) => ({ data: s.data, error, loading: false, key }));
      },
    );
    return () => abort.abort();
  }, [key, tick, again]);
  return { data: state.data, error: state.error, loading: state.loading, reload: () => setAgain((n) => n + 1) };
}
