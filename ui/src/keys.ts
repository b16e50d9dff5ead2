import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

/** A key or keys one after the other ("g s"), what they do, and in which part of the page, for the list of keys. */
export interface Shortcut {
  keys: string;
  does: string;
  run: (e: KeyboardEvent) => void;
}

interface Group {
  title: string;
  shortcuts: Shortcut[];
}

/** The shortcuts that work now, by part of the page. */
export const groups = signal<readonly Group[]>([]);

/** Offers shortcuts as long as the component is there. They do nothing while the user types into a field. */
export function useKeys(title: string, shortcuts: Shortcut[]): void {
  const now = useRef(shortcuts);
  now.current = shortcuts;
  useEffect(() => {
    const group: Group = {
      title,
      get shortcuts() {
        return now.current;
      },
    };
    groups.value = [...groups.value, group];
    return () => {
      groups.value = groups.value.filter((g) => g !== group);
    };
  }, [title]);
}

function types(e: KeyboardEvent): boolean {
  const el = e.target as HTMLElement;
  return el.isContentEditable || el.tagName === "TEXTAREA" || el.tagName === "SELECT" || (el.tagName === "INPUT" && !["checkbox", "radio", "button", "range"].includes((el as HTMLInputElement).type));
}

let before = ""; // the first of two keys, for a second
let timer = 0;

addEventListener("keydown", (e) => {
  if (e.defaultPrevented || e.ctrlKey || e.metaKey || e.altKey || types(e) || document.querySelector("dialog[open]")) return;
  const pressed = before ? `${before} ${e.key}` : e.key;
  for (const g of [...groups.peek()].reverse()) {
    for (const s of g.shortcuts) {
      if (s.keys.split(", ").includes(pressed)) {
        before = "";
        e.preventDefault();
        s.run(e);
        return;
      }
    }
  }
  before = "";
  if (e.key === "g") {
    before = "g";
    clearTimeout(timer);
    timer = setTimeout(() => (before = ""), 1000) as unknown as number;
  }
});
