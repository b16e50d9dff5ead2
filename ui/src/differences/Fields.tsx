import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import type { Differences } from "../api/types";
import { percent } from "../format";
import { condition } from "../query";
import { shorten } from "../query/names";
import { isIntrinsic, quoteValue } from "../query/tokens";
import { Button } from "../ui/Button";
import { t } from "./messages";
import s from "./Fields.module.css";

type Field = Differences["keys"][number];
type Value = Field["values"][number];

const first = 9;

interface Props {
  fields: readonly Field[];
  href?: (is: string) => string; // where the value leads, given the condition for it
  actions?: (value: string, is: string, isNot: string) => ComponentChildren; // buttons beside a value
}

/** What differs, field by field: the share that each value has among the selected spans, and below it among the others. */
export function Fields({ fields, href, actions }: Props) {
  const [all, setAll] = useState(false);
  return (
    <>
      <div class={s.fields}>
        {fields.slice(0, all ? undefined : first).map((f) => (
          <section key={f.field} class={s.card}>
            <h3 class={s.name} title={f.field}>
              <bdi>{shorten(f.field)}</bdi>
              <span class={s.score} style={{ "--score": f.score ?? 0 }} aria-hidden="true" />
            </h3>
            <ul>
              {f.values.map((v) => (
                <Row key={v.value === null ? " absent" : `v${v.value}`} field={shorten(f.field)} v={v} href={href} actions={actions} />
              ))}
            </ul>
            {f.more && <p class={s.more}>{t.someValues}</p>}
          </section>
        ))}
      </div>
      {!all && fields.length > first && (
        <Button look="quiet" icon="down" onClick={() => setAll(true)}>
          {t.showMore(fields.length - first)}
        </Button>
      )}
    </>
  );
}

function Row({ field, v, href, actions }: { field: string; v: Value } & Pick<Props, "href" | "actions">) {
  const shown = v.value === null ? t.absent : v.value === "" ? '""' : v.value;
  const a = v.selectedShare ?? 0;
  const b = v.restShare ?? 0;
  // The server's answer has no types: without quotes a number is found as such, and as a text.
  const is = v.value === null ? `${field} not exists` : field === "duration" ? condition(field, "=", v.value) : `${field} = ${quoteValue(v.value)}`;
  const isNot = v.value === null ? `${field} exists` : isIntrinsic(field) ? is.replace(" = ", " != ") : `not ${is}`;
  const value = <bdi class={v.value === null ? s.absent : undefined}>{shown}</bdi>;
  return (
    <li class={s.row}>
      {href ? (
        <a class={s.value} href={href(is)} title={shown}>
          {value}
        </a>
      ) : (
        <span class={s.value} title={shown}>
          {value}
        </span>
      )}
      {actions && <span class={s.buttons}>{actions(shown, is, isNot)}</span>}
      <span class={s.bars} role="img" aria-label={t.share(percent(a), percent(b))}>
        <Bar share={a} class={s.barSelected} />
        <span class={s.percent}>{percent(a)}</span>
        <Bar share={b} class={s.barRest} />
        <span class={s.percentRest}>{percent(b)}</span>
      </span>
    </li>
  );
}

function Bar({ share, class: c }: { share: number; class: string }) {
  return (
    <span class={s.track}>
      <span class={c} style={{ width: share > 0 ? `max(${share * 100}%, 2px)` : "0" }} />
    </span>
  );
}

/** Says which bar is which. */
export function Legend({ selected, rest }: { selected: string; rest: string }) {
  return (
    <span class={s.legend}>
      <span class={s.selected}>{selected}</span>
      <span class={s.rest}>{rest}</span>
    </span>
  );
}
