import { signal } from "@preact/signals";
import { get } from "../api/client";
import type { Services } from "../api/types";
import { isDark } from "./theme";

// The colour of a service: the same on every page, by its name. None is red or amber, which mean something.
const light = ["#3f74c9", "#8a5cc7", "#1f8f86", "#5b8c2a", "#a8683a", "#b0519e", "#2f8fb8", "#6b6fd1", "#8d7a1f", "#5f7385", "#3a9a5c", "#9c5a7a", "#1d4f91", "#5e3a94", "#0f5f58", "#3d6316", "#7a4a24", "#7d2f70", "#1c6685", "#44515f"];
const dark = ["#7aa5ec", "#b593ec", "#4fc4ba", "#96c560", "#d6996b", "#de8bcd", "#64bde3", "#9fa2f2", "#c4b04e", "#97abbd", "#6ccb8d", "#d095b0", "#a9c6f5", "#d3bff6", "#8fdcd4", "#bcdc97", "#e6bf9f", "#edb9e2", "#9fd6ef", "#c3d0dc"];

const known = new Map<string, number>();
const changes = signal(0);

function hash(s: string): number {
  let h = 2166136261; // FNV-1a
  for (let i = 0; i < s.length; i++) h = Math.imul(h ^ s.charCodeAt(i), 16777619);
  return h >>> 0;
}

/** The colour of a service in the theme that the page has now; a hex string. */
export function serviceColor(name: string): string {
  changes.value; // what shows a colour is drawn anew when it changes
  let i = known.get(name);
  if (i === undefined) known.set(name, (i = hash(name) % light.length));
  return (isDark.value ? dark : light)[i];
}

const settled = new Set<string>();

/**
 * Gives services that are shown together colours of their own as far as there are enough: those with the same colour by
 * name take the next that is used least, in the order of the list. What a service once got it keeps, on every page.
 */
export function distinguish(names: readonly string[]): void {
  const used = light.map(() => 0);
  let changed = false;
  for (const name of names) if (settled.has(name)) used[known.get(name)!]++;
  for (const name of names) {
    if (settled.has(name)) continue;
    const first = hash(name) % light.length;
    let best = first;
    for (let n = 1; n < light.length && used[best] > 0; n++) {
      const i = (first + n) % light.length;
      if (used[i] < used[best]) best = i;
    }
    used[best]++;
    settled.add(name);
    const before = known.get(name);
    known.set(name, best);
    if (before !== undefined && before !== best) changed = true;
  }
  // Not at once: a component that is just being rendered may have asked.
  if (changed) queueMicrotask(() => changes.value++);
}

/**
 * Settles the colours of all services of the last day, so that each has the same one whatever page comes first. It is quick, as
 * services are counted; if it is not there in time, the pages settle those that they show.
 */
export async function settleColors(): Promise<void> {
  const late = new Promise<void>((done) => setTimeout(done, 500));
  const asked = get<Services>("/services", { from: "-24h", step: "24h", limit: 1000 }).then(
    // The busiest first: if there are more services than colours, rare ones share one.
    (all) => distinguish(all.services.sort((a, b) => b.spans - a.spans || (a.name < b.name ? -1 : 1)).map((s) => s.name)),
    () => {}, // the page itself says that the server is away
  );
  await Promise.race([asked, late]);
}
