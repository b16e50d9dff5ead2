import { isDark } from "./theme";

// The colour of a service: the same on every page, by its name. None is red or amber, which mean something.
const light = ["#3f74c9", "#8a5cc7", "#1f8f86", "#5b8c2a", "#a8683a", "#b0519e", "#2f8fb8", "#6b6fd1", "#8d7a1f", "#5f7385", "#3a9a5c", "#9c5a7a"];
const dark = ["#7aa5ec", "#b593ec", "#4fc4ba", "#96c560", "#d6996b", "#de8bcd", "#64bde3", "#9fa2f2", "#c4b04e", "#97abbd", "#6ccb8d", "#d095b0"];


const known = new Map<string, number>();

function hash(s: string): number {
  let h = 2166136261; // FNV-1a
  for (let i = 0; i < s.length; i++) h = Math.imul(h ^ s.charCodeAt(i), 16777619);
  return h >>> 0;
}

/** The colour of a service in the theme that the page has now; a hex string. */
export function serviceColor(name: string): string {
  let i = known.get(name);
  if (i === undefined) known.set(name, (i = hash(name) % light.length));
  return (isDark.value ? dark : light)[i];
}

/**
 * Gives services that are shown together colours of their own as far as there are enough: those with the same colour by
 * name take the next free one, in the order of the list.
 */
export function distinguish(names: readonly string[]): void {
  const taken = new Set<number>();
  for (const name of names) {
    let i = known.get(name) ?? hash(name) % light.length;
    for (let n = 0; n < light.length && taken.has(i); n++) i = (i + 1) % light.length;
    taken.add(i);
    if (taken.size === light.length) taken.clear();
    known.set(name, i);
  }
}
