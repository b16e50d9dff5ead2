import { useContext, useState } from "preact/hooks";
import type { Attributes as Attrs } from "../../api/types";
import { attributeField, condition, type AttributeScope } from "../../query";
import { copyText } from "../../ui/Copy";
import { Icon, type IconName } from "../../ui/Icon";
import s from "./Attributes.module.css";
import { Finder } from "./AttributesFind";
import { picked, togglePicked } from "./AttributesPicked";
import { plainText, Value, visible } from "./AttributesValue";
import { sorted } from "./DetailsLoad";
import { t } from "./DetailsMessages";

/** The condition that finds spans with this attribute, "" if there is none: for maps, for what has no name or is too long. */
export function attributeCondition(key: string, value: unknown, scope: AttributeScope): string {
  const field = attributeField(key, scope);
  if (!field) return "";
  const one = Array.isArray(value) && value.length > 0 ? value[0] : value; // an element is enough for an array
  if (typeof one === "number" || typeof one === "boolean") return condition(field, "=", one);
  if (typeof one !== "string") return value === null ? `${field} exists` : "";
  return one.length <= 500 ? condition(field, "=", one) : condition(field, "^=", one.slice(0, 200));
}

interface Props {
  attributes: Attrs;
  types?: Record<string, unknown>;
  scope: AttributeScope | undefined; // where a search looks for them; undefined: it cannot
  filter?: string; // only those with this in their key or value
  label: string;
}

/** Attributes as a table, those of a namespace together: its name stands out where it begins. */
export function Attributes({ attributes, types = {}, scope, filter = "", label }: Props) {
  const wanted = filter.toLowerCase();
  const rows = sorted(attributes).filter(([k, v]) => !wanted || k.toLowerCase().includes(wanted) || plainText(v).toLowerCase().includes(wanted));
  const [all, setAll] = useState(false);
  if (rows.length === 0) return null;
  const most = 150;
  const shown = rows.slice(0, all ? undefined : most);
  // Namespaces of several keys are set off from one another; single keys stand in one block.
  const spaces = shown.map(([k]) => k.split(".", 1)[0]);
  const several = spaces.map((x, i) => spaces[i - 1] === x || spaces[i + 1] === x);
  return (
    <>
      <table class={s.table} aria-label={label}>
        <tbody>
          {shown.map(([key, value], i) => (
            <Row
              key={"_" + key}
              name={key}
              space={several[i] && key.length > spaces[i].length ? spaces[i] : ""}
              starts={i > 0 && spaces[i] !== spaces[i - 1] && (several[i] || several[i - 1])}
              value={value}
              type={Object.hasOwn(types, key) ? String(types[key]) : ""}
              scope={scope}
            />
          ))}
        </tbody>
      </table>
      {rows.length > most && !all && (
        <button type="button" class={s.more} onClick={() => setAll(true)}>
          {t.showAll(rows.length)}
        </button>
      )}
    </>
  );
}

const longestKey = 200; // characters; more is in no key that somebody chose

function Row({ name, space, starts, value, type, scope }: { name: string; space: string; starts: boolean; value: unknown; type: string; scope: AttributeScope | undefined }) {
  const condition = scope === undefined ? "" : attributeCondition(name, value, scope);
  const find = useContext(Finder);
  const isPicked = picked.value.includes(condition);
  const key = visible(name.length > longestKey ? name.slice(0, longestKey) + "…" : name) || t.empty;
  const said = key.length > 80 ? key.slice(0, 80) + "…" : key;
  return (
    <tr class={starts ? s.first : undefined} data-picked={isPicked || undefined}>
      <th scope="row" title={name.slice(0, 500)}>
        <bdi>
          {space && <span class={s.space}>{visible(space)}.</span>}
          {space && <wbr />}
          {name === "" ? <span class={s.nothing}>{t.empty}</span> : breakable(space ? key.slice(space.length + 1) : key)}
        </bdi>
      </th>
      <td>
        <Value value={value} type={type} />
      </td>
      <td class={s.actions}>
        <div>
          <CopyRow text={plainText(value)} label={t.copyValue(said)} />
          {condition && (
            <>
              {find && <Action icon="search" label={t.findHere(said)} onClick={() => find(condition)} />}
              <Action icon={isPicked ? "minus" : "plus"} label={isPicked ? t.removeFromSearch(said) : t.addToSearch(said)} pressed={isPicked} onClick={() => togglePicked(condition)} />
            </>
          )}
        </div>
      </td>
    </tr>
  );
}

/** A key that may be broken behind its dots and underscores. */
function breakable(key: string): preact.ComponentChild {
  const pieces = key.split(/(?<=[._/])/);
  if (pieces.length < 2 || pieces.length > 30) return key;
  return pieces.map((p, i) => (i ? [<wbr />, p] : p));
}

function Action({ icon, label, pressed, onClick }: { icon: IconName; label: string; pressed?: boolean; onClick: () => void }) {
  return (
    <button type="button" class={s.action} aria-label={label} title={label} aria-pressed={pressed} onClick={onClick}>
      <Icon name={icon} size={14} />
    </button>
  );
}

function CopyRow({ text, label }: { text: string; label: string }) {
  const [done, setDone] = useState(false);
  return (
    <Action
      icon={done ? "check" : "copy"}
      label={done ? t.copied : label}
      onClick={async () => {
        if (!(await copyText(text))) return;
        setDone(true);
        setTimeout(() => setDone(false), 1500);
      }}
    />
  );
}
