import { signal } from "@preact/signals";

/**
 * The path of the page's root, with a slash at the end. weft serve writes into each document how deep it lies, as a
 * relative <base>, so that no one needs to know the prefix that a proxy adds.
 */
export const base = new URL(document.baseURI).pathname;

/** Where the user is: the path below the root ("search", "trace/4bf9…", "" for the start), and the parameters. */
export interface Place {
  path: string;
  params: URLSearchParams;
}

function read(): Place {
  const { pathname, search } = location;
  return { path: pathname.startsWith(base) ? pathname.slice(base.length).replace(/\/$/, "") : "", params: new URLSearchParams(search) };
}

export const place = signal<Place>(read());

addEventListener("popstate", () => (place.value = read()));

export type Params = Record<string, string | number | boolean | null | undefined>;

/** The address of a page, for an href. Parameters that are null, undefined, false or "" are left out. */
export function url(path: string, params: Params | URLSearchParams = {}): string {
  const q = params instanceof URLSearchParams ? params : new URLSearchParams();
  if (!(params instanceof URLSearchParams)) {
    for (const [k, v] of Object.entries(params)) if (v !== null && v !== undefined && v !== "" && v !== false) q.set(k, v === true ? "1" : String(v));
  }
  const s = q.toString();
  return base + path + (s ? "?" + s : "");
}

/** Goes to an address that url made. */
export function navigate(to: string, how: { replace?: boolean } = {}): void {
  if (how.replace) history.replaceState(null, "", to);
  else history.pushState(null, "", to);
  const was = place.value.path;
  place.value = read();
  if (place.value.path !== was) scrollTo(0, 0);
}

/** Changes parameters of the page that is open; null removes one. A new step in the history unless replace is set. */
export function setParams(changes: Params, how: { replace?: boolean } = {}): void {
  const q = new URLSearchParams(place.value.params);
  for (const [k, v] of Object.entries(changes)) {
    if (v === null || v === undefined || v === "" || v === false) q.delete(k);
    else q.set(k, v === true ? "1" : String(v));
  }
  const to = url(place.value.path, q);
  if (to !== location.pathname + location.search) navigate(to, how);
}

// Links within the page do not load it anew.
addEventListener("click", (e) => {
  if (e.defaultPrevented || e.button !== 0 || e.metaKey || e.ctrlKey || e.shiftKey || e.altKey) return;
  const a = (e.target as Element | null)?.closest?.("a");
  if (!a || a.target || a.hasAttribute("download") || a.origin !== location.origin || !a.pathname.startsWith(base)) return;
  const path = a.pathname.slice(base.length);
  if (path.startsWith("api/") || path === "login" || path === "logout") return;
  if (a.hash && a.pathname === location.pathname && a.search === location.search) return;
  e.preventDefault();
  navigate(a.pathname + a.search);
});
