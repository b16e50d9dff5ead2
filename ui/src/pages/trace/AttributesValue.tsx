import type { ComponentChildren } from "preact";
import { useMemo, useState } from "preact/hooks";
import { bytes } from "../../format";
import { Icon } from "../../ui/Icon";
import s from "./Attributes.module.css";
import { t } from "./DetailsMessages";

const shownLength = 400; // characters of a text before it is cut
const shownLines = 12;
const shownMembers = 30;
const deepest = 12;

/** Makes characters visible that would be nothing, or would do something to the text around them. */
export function visible(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, (c) => (c === "\r" ? "" : c === "\u007f" ? "\u2421" : String.fromCharCode(0x2400 + c.charCodeAt(0))));
}

/** The address that a text is, if it is one that is safe to open. */
export function webAddress(text: string): URL | undefined {
  if (!/^https?:\/\/[^\s]+$/i.test(text) || text.length > 4000) return undefined;
  try {
    const u = new URL(text);
    return u.protocol === "https:" || u.protocol === "http:" ? u : undefined;
  } catch {
    return undefined;
  }
}

/** What a text holds if it is JSON of more than one value. */
function json(text: string): object | undefined {
  if (!/^\s*[[{]/.test(text) || text.length > 500_000) return undefined;
  try {
    const v: unknown = JSON.parse(text);
    return typeof v === "object" && v !== null && Object.keys(v).length > 0 ? v : undefined;
  } catch {
    return undefined;
  }
}

/** A value of an attribute, as its type asks. */
export function Value({ value, type = "", depth = 0 }: { value: unknown; type?: string; depth?: number }) {
  if (value === null || value === undefined) return <span class={s.nothing}>null</span>;
  switch (typeof value) {
    case "number":
      return <span class={s.number}>{Object.is(value, -0) ? "-0" : String(value)}</span>;
    case "boolean":
      return <span class={s.truth}>{String(value)}</span>;
    case "object":
      return <Members value={value} depth={depth} />;
  }
  const text = String(value);
  if (type === "int" || type === "float") return <span class={s.number}>{text}</span>;
  if (type === "bytes") return <Bytes base64={text} />;
  return <Text text={text} />;
}

function Bytes({ base64 }: { base64: string }) {
  const hex = useMemo(() => {
    try {
      return Array.from(atob(base64), (c) => c.charCodeAt(0).toString(16).padStart(2, "0")).join(" ");
    } catch {
      return base64;
    }
  }, [base64]);
  const size = Math.floor((base64.replace(/=+$/, "").length * 3) / 4);
  return (
    <span>
      <span class={s.type}>{t.bytesOf(bytes(size))}</span> <Long text={hex} />
    </span>
  );
}

/** A text: cut if it is long, its JSON as a tree if it is some, a link beside it if it is an address. */
export function Text({ text }: { text: string }) {
  const object = useMemo(() => json(text), [text]);
  const [tree, setTree] = useState(true);
  if (text === "") return <span class={s.nothing}>{t.empty}</span>;
  if (object) {
    return (
      <div>
        {tree ? <Members value={object} depth={0} /> : <Long text={text} />}
        <button type="button" class={s.more} onClick={() => setTree(!tree)}>
          {tree ? t.asText : t.asJson}
        </button>
      </div>
    );
  }
  const address = webAddress(text);
  return (
    <>
      <Long text={text} />
      {address && (
        <a class={s.out} href={address.href} target="_blank" rel="noopener noreferrer nofollow" title={t.open(address.host)} aria-label={t.open(address.host)}>
          <Icon name="external" size={13} />
        </a>
      )}
    </>
  );
}

/** A text that is cut until somebody asks for all of it. */
export function Long({ text, class: c, render }: { text: string; class?: string; render?: (shown: string) => ComponentChildren }) {
  const [whole, setWhole] = useState(false);
  const cut = useMemo(() => {
    let end = Math.min(text.length, shownLength);
    let lines = 0;
    for (let i = text.indexOf("\n"); i >= 0 && i < end; i = text.indexOf("\n", i + 1)) {
      if (++lines === shownLines) end = i;
    }
    // A little more is not worth a button, and a pair of surrogates stays together.
    if (text.length - end < 40 && end > 0 && lines < shownLines) return text.length;
    return /[\ud800-\udbff]/.test(text[end - 1] ?? "") ? end - 1 : end;
  }, [text]);
  const long = cut < text.length;
  const shown = long && !whole ? text.slice(0, cut) : text;
  return (
    <>
      <bdi class={[s.text, long && whole && s.whole, c].filter(Boolean).join(" ")} tabIndex={long && whole ? 0 : undefined}>
        {render ? render(shown) : visible(shown)}
        {long && !whole && "…"}
      </bdi>
      {long && (
        <button type="button" class={s.more} aria-expanded={whole} onClick={() => setWhole(!whole)}>
          {whole ? t.less : t.all(bytes(new Blob([text]).size))}
        </button>
      )}
    </>
  );
}

/** The members of a map or the elements of an array, as a tree whose branches fold. */
function Members({ value, depth }: { value: object; depth: number }) {
  const list = Array.isArray(value);
  const entries: [string, unknown][] = list ? value.map((v, i) => [String(i), v]) : Object.entries(value);
  const [open, setOpen] = useState(depth < 2);
  const [all, setAll] = useState(false);
  const sum = list ? t.elements(entries.length) : t.members(entries.length);
  if (entries.length === 0) return <span class={s.nothing}>{list ? "[ ]" : "{ }"}</span>;
  if (depth >= deepest) return <Long text={JSON.stringify(value)} />;
  if (list && depth === 0 && entries.every(([, v]) => typeof v !== "object" && String(v).length < 40) && entries.length <= 12) {
    return (
      <span class={s.list}>
        {value.map((v, i) => (
          <span key={i} class={s.element}>
            <Value value={v} depth={depth + 1} />
          </span>
        ))}
      </span>
    );
  }
  return (
    <div class={s.tree}>
      <button type="button" class={s.branch} aria-expanded={open} onClick={() => setOpen(!open)}>
        <Icon name={open ? "down" : "right"} size={12} />
        {sum}
      </button>
      {open && (
        <dl class={s.members}>
          {entries.slice(0, all ? undefined : shownMembers).map(([k, v], i) => (
            <div key={i} class={s.member}>
              <dt>
                <bdi>{visible(k) || t.empty}</bdi>
              </dt>
              <dd>
                <Value value={v} depth={depth + 1} />
              </dd>
            </div>
          ))}
          {entries.length > shownMembers && !all && (
            <button type="button" class={s.more} onClick={() => setAll(true)}>
              {t.showAll(entries.length)}
            </button>
          )}
        </dl>
      )}
    </div>
  );
}

/** A value as text, for copying. */
export function plainText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
