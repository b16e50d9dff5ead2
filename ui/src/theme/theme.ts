import { computed, effect, signal } from "@preact/signals";
import { remembered } from "../remembered";

export type Theme = "light" | "dark" | "system";

/** What the user chose. */
export const theme = remembered<Theme>("weft.theme", "system", (v) => v === "light" || v === "dark" || v === "system");

const dark = matchMedia("(prefers-color-scheme: dark)");
const systemDark = signal(dark.matches);
dark.addEventListener("change", (e) => (systemDark.value = e.matches));

/** Whether the page is dark now. Canvas views read it so that they are drawn anew when it changes. */
export const isDark = computed(() => theme.value === "dark" || (theme.value === "system" && systemDark.value));

effect(() => {
  document.documentElement.dataset.theme = isDark.value ? "dark" : "light";
});

/** The value of a token such as "--border" as it is now, for canvas. Read it in what depends on isDark. */
export function token(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}
