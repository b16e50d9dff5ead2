import { effect } from "@preact/signals";
import { remembered } from "../remembered";

export type Lang = "en" | "zh";

/** The language of the page: chosen by the user, else the browser's. */
export const lang = remembered<Lang>("weft.lang", navigator.languages.some((l) => l.startsWith("zh")) && !navigator.language.startsWith("en") ? "zh" : "en", (v) => v === "en" || v === "zh");

effect(() => {
  document.documentElement.lang = lang.value === "zh" ? "zh-CN" : "en";
});

/** The tag that Intl knows the language by. */
export function locale(): string {
  return lang.value === "zh" ? "zh-CN" : "en-US";
}

type Message = string | ((...args: never[]) => string);
type Same<M> = { [K in keyof M]: M[K] extends string ? string : M[K] };

/**
 * The words of one part of the page, in both languages. Members are read as t.title or t.spans(3); what is read while a
 * component renders makes it render again when the language changes.
 */
export function messages<const M extends Record<string, Message>>(all: { en: M; zh: Same<M> }): Same<M> {
  return new Proxy({} as Same<M>, {
    get: (_, key) => (all[lang.value] as Record<PropertyKey, unknown>)[key],
  });
}
