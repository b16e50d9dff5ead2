import type { ComponentChildren } from "preact";
import { useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { get, Problem } from "../api/client";
import type { Parsed, Values } from "../api/types";
import { lang } from "../i18n";
import { insert, placeAt } from "../query/complete";
import { conditions } from "../query/edit";
import { rangeSource, type FieldInfo, type Source } from "../query/fields";
import { needsValues, pastedId, suggest, type Suggestion } from "../query/suggest";
import { columnToIndex } from "../query/tokens";
import { range } from "../range";
import { navigate, url } from "../router";
import { Button } from "./Button";
import { Icon } from "./Icon";
import { Colored } from "./QueryText";
import { t } from "./queryMessages";
import { Suggestions } from "./Suggestions";
import s from "./QueryInput.module.css";

interface Props {
  value: string; // the query as it is outside; when it changes there, it replaces what stands in the field
  /** "live" while the user types, once the query is well formed; "commit" with Enter and when the field is left. */
  onQuery: (query: string, how: "live" | "commit") => void;
  label: string;
  placeholder?: string;
  main?: boolean; // the field that "/" goes to
  openTraces?: boolean; // offer to open the trace whose id is pasted
  source?: Source; // of suggestions
  parse?: (query: string, signal: AbortSignal) => Promise<unknown>; // fails with a Problem with the column at fault
  onEscape?: () => void; // Escape while no suggestions are shown
  children?: ComponentChildren; // at the end of the field
}

const parseAfter = 100; // milliseconds without a key
const liveAfter = 250;
const valuesAfter = 150;
const faultyAfter = 700; // what cannot be well formed is shown to the server, for the reason
const complainAfter = 1500; // about what is only not finished
const unfinishedAfter = 1000; // the beginning of a value that is known: more may come

const defaultSource = rangeSource(() => range.peek());
const askServer = (q: string, signal: AbortSignal) => get<Parsed>("/parse", { q }, signal);

interface Fault {
  at: number;
  message: string;
}

/** A line of the query language: coloured, completed, checked while it is typed. */
export function QueryInput({ value, onQuery, label, placeholder, main = false, openTraces = true, source = defaultSource, parse = askServer, onEscape, children }: Props) {
  const [text, setText] = useState(value);
  const [caret, setCaret] = useState(value.length);
  const [open, setOpen] = useState(false);
  const [active, setActive] = useState(-1);
  const [fields, setFields] = useState<readonly FieldInfo[]>([]);
  const [values, setValues] = useState<{ field: string; of: Pick<Values, "values" | "more"> }>();
  const [fault, setFault] = useState<Fault>();
  const input = useRef<HTMLInputElement>(null);
  const overlay = useRef<HTMLDivElement>(null);
  const told = useRef(value); // what the outside knows
  const ids = useId();
  // Whether what stands before the caret is only the beginning of what is known: of a value, or of a comparison.
  const unfinished = () => {
    if (!shown || text.length !== caret) return "";
    if (place.expects === "comparison" && fields.some((f) => f.field === place.field)) return "field";
    return list.some((one) => beginsWith(one, place.typed)) ? "value" : "";
  };
  const good = useRef(""); // what was found to be well formed last
  const latest = useRef({ onQuery, parse, source, unfinished: (): "" | "value" | "field" => "" });
  latest.current = { onQuery, parse, source, unfinished };

  useEffect(() => {
    if (value === told.current) return;
    told.current = value;
    setText(value);
    setCaret(value.length);
    setFault(undefined);
    setOpen(false);
  }, [value]);

  // As a property it would be a boolean, and "off" would switch it on.
  useEffect(() => input.current!.setAttribute("autocorrect", "off"), []);

  useLayoutEffect(() => {
    const el = input.current!;
    if (document.activeElement === el && el.selectionStart !== caret && el.selectionStart === el.selectionEnd) el.setSelectionRange(caret, caret);
    overlay.current!.scrollLeft = el.scrollLeft;
  }, [text, caret]);

  // What is typed is checked, and when it is well formed the outside is told.
  const idle = text === told.current;
  useEffect(() => {
    if (idle && (text.trim() === "" || good.current === text)) return;
    const abort = new AbortController();
    const began = Date.now();
    const q = text.trim();
    let timer = setTimeout(async () => {
      const bad = q === "" ? undefined : await check(q, abort.signal);
      if (abort.signal.aborted) return;
      const wait = (ms: number, then: () => void) => (timer = setTimeout(then, Math.max(0, began + ms - Date.now())));
      if (bad) {
        // What ends too early is not wrong as long as it is being typed.
        if (bad.at < q.length) setFault(shift(bad, text));
        else wait(complainAfter, () => setFault(shift(bad, text)));
        return;
      }
      setFault(undefined);
      if (q === told.current || (openTraces && pastedId(q))) return;
      wait(liveAfter, () => {
        const more = latest.current.unfinished();
        if (more === "value") wait(unfinishedAfter, () => tell(q, "live"));
        else if (more === "") tell(q, "live");
      });
    }, idle ? 0 : conditions(q) ? parseAfter : faultyAfter);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [text, idle]);

  async function check(q: string, signal: AbortSignal): Promise<Fault | undefined> {
    try {
      await latest.current.parse(q, signal);
      good.current = q;
    } catch (e) {
      if (e instanceof Problem && e.column) return { at: columnToIndex(q, e.column), message: short(e.message) };
      if (e instanceof Problem && e.status === 400) return { at: 0, message: e.message };
    }
    return undefined; // the server does not answer: the search will say so
  }

  function tell(q: string, how: "live" | "commit") {
    told.current = q;
    latest.current.onQuery(q, how);
  }

  async function commit() {
    setOpen(false);
    const q = text.trim();
    // What looks well formed is asked for at once; if the server does not think so, it says so soon enough.
    const bad = conditions(q) ? undefined : await check(q, new AbortController().signal);
    if (bad) setFault(shift(bad, text));
    else tell(q, "commit");
  }

  // Suggestions. Fields are asked for when the first of them can be needed, values a moment after the last key.
  const place = useMemo(() => placeAt(text, caret), [text, caret]);
  useEffect(() => {
    if (!open) return;
    let gone = false;
    latest.current.source.keys().then(
      (f) => !gone && setFields(f),
      () => {}, // the fields that every span has are known without
    );
    return () => {
      gone = true;
    };
  }, [open, source, range.value.from, range.value.to]);
  const need = open ? needsValues(place) : undefined;
  useEffect(() => {
    if (!need) return;
    if (values?.field === need.field && !values.of.more) return; // all of them are known
    const abort = new AbortController();
    const timer = setTimeout(() => {
      latest.current.source.values(need.field, values?.field === need.field ? need.prefix : "", abort.signal).then(
        (v) => !abort.signal.aborted && setValues({ field: need.field, of: values?.field === need.field ? { values: merge(v.values, values.of.values), more: true } : v }),
        () => {},
      );
    }, values?.field === need.field ? valuesAfter : 0);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [need?.field, need?.prefix, source]);
  const list = useMemo(
    () => (open ? suggest(text, caret, { fields, values: need && values?.field === need.field ? values.of : undefined, traces: openTraces }) : []),
    [open, text, caret, fields, values, need?.field, openTraces, lang.value],
  );
  const shown = open && list.length > 0;
  const first = list[0]?.kind === "trace" || list[0]?.kind === "query" ? 0 : -1; // the text is an id: what else could be meant
  const chosen = Math.min(active < 0 ? first : active, list.length - 1);

  function accept(one: Suggestion) {
    input.current!.focus();
    setActive(-1);
    if (one.kind === "trace") {
      setOpen(false);
      setText("");
      tell("", "commit");
      navigate(url(`trace/${one.text}`));
      return;
    }
    if (one.kind === "query") {
      setText(one.text);
      setCaret(one.text.length);
      setOpen(false);
      tell(one.text, "commit");
      return;
    }
    const next = insert(text, place, one.text);
    setText(next.text);
    setCaret(next.caret);
    setOpen(true);
  }

  function onKeyDown(e: KeyboardEvent) {
    if (e.isComposing) return;
    switch (e.key) {
      case "ArrowDown":
      case "ArrowUp":
        e.preventDefault();
        if (!shown) {
          setOpen(true);
          setActive(-1);
        } else {
          const n = list.length;
          setActive(e.key === "ArrowDown" ? (chosen + 1 >= n ? -1 : chosen + 1) : chosen < 0 ? n - 1 : chosen - 1);
        }
        break;
      case "Enter":
        e.preventDefault();
        if (shown && chosen >= 0) accept(list[chosen]);
        else void commit();
        break;
      case "Tab":
        if (!shown || e.shiftKey || (chosen < 0 && !place.typed)) break;
        e.preventDefault();
        accept(list[Math.max(0, chosen)]);
        break;
      case "Escape":
        if (shown) {
          e.preventDefault();
          e.stopPropagation();
          setOpen(false);
          setActive(-1);
        } else onEscape?.();
        break;
    }
  }

  const moved = () => {
    const el = input.current!;
    setCaret(el.selectionStart ?? 0);
    overlay.current!.scrollLeft = el.scrollLeft;
  };

  return (
    <div class={s.query}>
      <div class={[s.field, fault && s.wrong].filter(Boolean).join(" ")}>
        <span class={s.icon}>
          <Icon name="search" />
        </span>
        <div class={s.line}>
          <div ref={overlay} class={s.overlay} aria-hidden="true">
            <Colored text={text} fault={fault?.at} />
          </div>
          <input
            ref={input}
            class={s.input}
            value={text}
            role="combobox"
            aria-label={label}
            aria-autocomplete="list"
            aria-expanded={shown}
            aria-controls={`${ids}-list`}
            aria-activedescendant={shown && chosen >= 0 ? `${ids}-${chosen}` : undefined}
            aria-invalid={fault ? true : undefined}
            aria-describedby={fault ? `${ids}-fault` : undefined}
            placeholder={placeholder}
            data-search={main ? true : undefined}
            spellcheck={false}
            autocomplete="off"
            autocapitalize="off"
            enterkeyhint="search"
            onInput={(e) => {
              const el = e.currentTarget;
              setText(el.value);
              setCaret(el.selectionStart ?? el.value.length);
              setFault(undefined);
              setOpen(true);
              setActive(-1);
            }}
            onKeyDown={onKeyDown}
            onKeyUp={moved}
            onScroll={moved}
            onSelect={moved}
            onClick={() => {
              moved();
              if (text === "") setOpen(true);
            }}
            onBlur={() => {
              setOpen(false);
              setActive(-1);
              if (told.current === text.trim()) tell(told.current, "commit");
            }}
          />
        </div>
        {text && (
          <Button
            look="quiet"
            icon="close"
            label={t.clear}
            class={s.clear}
            onClick={() => {
              setText("");
              setFault(undefined);
              tell("", "commit");
              input.current!.focus();
            }}
          />
        )}
        {children}
      </div>
      {shown && <Suggestions id={ids} list={list} active={chosen} typed={place.typed} onPick={accept} />}
      <p class="hidden-text" aria-live="polite">
        {shown ? t.number(list.length) : ""}
      </p>
      {fault && (
        <p id={`${ids}-fault`} class={s.fault} role="alert">
          {fault.message}
        </p>
      )}
    </div>
  );
}

/** Whether what was typed is only the beginning of a suggestion. */
function beginsWith(one: Suggestion, typed: string): boolean {
  return typed !== "" && (one.kind === "value" || one.kind === "field") && one.shown.length > typed.length && one.shown.toLowerCase().startsWith(typed.toLowerCase());
}

/** The place in the text as it stands, with the spaces before the query. */
function shift(f: Fault, text: string): Fault {
  return { ...f, at: f.at + text.length - text.trimStart().length };
}

/** The message without the query that it repeats for terminals. */
function short(message: string): string {
  return message.split("\n")[0].replace(/^query: column \d+: /, "");
}

function merge(a: Values["values"], b: Values["values"]): Values["values"] {
  const known = new Set(a.map((v) => v.value));
  return [...a, ...b.filter((v) => !known.has(v.value))];
}
