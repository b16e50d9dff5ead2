import { useEffect, useState } from "preact/hooks";
import { percent } from "../../format";
import { rangeKeys, type FieldInfo } from "../../query/fields";
import { range } from "../../range";
import { remembered } from "../../remembered";
import { Popover } from "../../ui/Popover";
import { useFocus } from "../../ui/useFocus";
import { Facet } from "./Facet";
import s from "./Facets.module.css";
import { t } from "./messages";
import { inTurn } from "./turns";

// What most questions are about. Attributes of them that no span has are not shown.
const always = ["service", "name", "status", "kind"];
const usual = [
  "http.route",
  "http.response.status_code",
  "http.request.method",
  "rpc.method",
  "db.system.name",
  "db.system",
  "db.query.summary",
  "messaging.destination.name",
  "messaging.system",
  "error.type",
  "service.version",
  "deployment.environment.name",
  "k8s.pod.name",
  "host.name",
];
const openAtFirst = new Set([...always, "http.route", "http.response.status_code"]);

const isText = (v: unknown) => typeof v === "string";
// JSON lists of fields: those that the user added, and those that are open where they would be closed or the other way round.
const added = remembered<string>("weft.search.facets", "[]", isText);
const turned = remembered<string>("weft.search.facets.turned", "[]", isText);

function read(list: string): string[] {
  try {
    const v: unknown = JSON.parse(list);
    return Array.isArray(v) ? v.filter((x) => typeof x === "string") : [];
  } catch {
    return [];
  }
}

/** What the spans of the query have in common: attributes with their most frequent values, each of them a filter. */
export function Facets({ q }: { q: string }) {
  const [known, setKnown] = useState<readonly FieldInfo[]>([]);
  const [shares, setShares] = useState<Record<string, number>>({}); // of the spans that were counted, by field
  const { from, to } = range.value;
  useEffect(() => {
    const abort = new AbortController();
    inTurn(abort.signal, () => rangeKeys(range.peek())).then(
      (k) => !abort.signal.aborted && setKnown(k),
      () => {}, // those that every span has are there without
    );
    return () => abort.abort();
  }, [from, to]);
  const has = new Set(known.map((k) => k.field));
  const mine = read(added.value);
  const flipped = new Set(read(turned.value));
  const list = [...always, ...mine.filter((f) => !always.includes(f)), ...usual.filter((f) => has.has(f) && !mine.includes(f))];
  const turn = (field: string) => {
    if (!flipped.delete(field)) flipped.add(field);
    turned.value = JSON.stringify([...flipped]);
  };
  const opens = (f: string) => (openAtFirst.has(f) || mine.includes(f)) !== flipped.has(f);
  const share = Math.min(1, ...list.filter(opens).map((f) => shares[f] ?? 1));
  return (
    <div class={s.facets}>
      <div class={s.head}>
        <div>
          <h2 class={s.title}>{t.attributes}</h2>
          {share < 1 && <p class={s.share}>{t.estimatedAll(percent(share))}</p>}
        </div>
        <Popover icon="plus" look="quiet" label={t.addAttribute} align="right">
          {(close) => (
            <Picker
              fields={known.filter((k) => !list.includes(k.field))}
              onPick={(f) => {
                close();
                added.value = JSON.stringify([f, ...mine]);
              }}
            />
          )}
        </Popover>
      </div>
      <div class={s.list}>
        {list.map((f) => (
          <Facet
            key={f}
            field={f}
            q={q}
            open={opens(f)}
            onTurn={() => turn(f)}
            onShare={(share) => setShares((was) => (was[f] === share ? was : { ...was, [f]: share }))}
            onRemove={mine.includes(f) ? () => (added.value = JSON.stringify(mine.filter((m) => m !== f))) : undefined}
          />
        ))}
      </div>
    </div>
  );
}

function Picker({ fields, onPick }: { fields: readonly FieldInfo[]; onPick: (field: string) => void }) {
  const input = useFocus();
  const [find, setFind] = useState("");
  const fits = fields.filter((f) => f.field.toLowerCase().includes(find.trim().toLowerCase())).slice(0, 200);
  return (
    <div class={s.picker}>
      <input ref={input} class={s.find} aria-label={t.find} placeholder={t.find} value={find} onInput={(e) => setFind(e.currentTarget.value)} />
      <ul class={s.keys}>
        {fits.map((f) => (
          <li key={f.field}>
            <button type="button" class={s.key} title={f.field} onClick={() => onPick(f.field)}>
              <bdi>{f.field}</bdi>
            </button>
          </li>
        ))}
        {fits.length === 0 && <li class={s.none}>{t.noValues}</li>}
      </ul>
    </div>
  );
}
