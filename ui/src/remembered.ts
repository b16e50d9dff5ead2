import { effect, signal, type Signal } from "@preact/signals";

/** A signal that the browser remembers between visits. Where it cannot (private windows), it lasts as long as the page. */
export function remembered<T extends string | number | boolean>(key: string, initial: T, valid: (v: unknown) => boolean): Signal<T> {
  const s = signal(initial);
  try {
    const v: unknown = JSON.parse(localStorage.getItem(key) ?? "null");
    if (valid(v)) s.value = v as T;
  } catch {
    // nothing is remembered
  }
  let first = true;
  effect(() => {
    const v = JSON.stringify(s.value);
    if (first) {
      first = false;
      return;
    }
    try {
      localStorage.setItem(key, v);
    } catch {
      // as above
    }
  });
  return s;
}
