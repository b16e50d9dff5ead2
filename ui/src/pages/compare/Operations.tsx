import type { Comparison } from "../../api/types";
import { duration } from "../../format";
import { kindName } from "../../kinds";
import { Service } from "../../ui/Service";
import { t } from "./messages";
import table from "../../calls/Table.module.css";
import s from "./Compare.module.css";

/** Where the difference comes from: the operations by how much their self time changed. */
export function Operations({ comparison: c }: { comparison: Comparison }) {
  const most = Math.max(1, ...c.operations.map((o) => Math.abs(o.b.selfNanos - o.a.selfNanos)));
  return (
    <>
      <p class={s.note}>{t.selfHint}</p>
      <div class={table.scroll}>
        <table class={table.table}>
          <thead>
            <tr>
              <th scope="col" class={s.th}>{t.operation}</th>
              <th scope="col" class={`${s.th} num`}>{t.count}</th>
              <th scope="col" class={`${s.th} num`}>{t.failed}</th>
              <th scope="col" class={`${s.th} num`}>{`${t.self} ${t.a}`}</th>
              <th scope="col" class={`${s.th} num`}>{`${t.self} ${t.b}`}</th>
              <th scope="col" class={s.th}>{t.change}</th>
            </tr>
          </thead>
          <tbody>
            {c.operations.slice(0, 500).map((o) => {
              const by = o.b.selfNanos - o.a.selfNanos;
              return (
                <tr key={o.service + o.name + o.kind}>
                  <td>
                    <span class={s.operation}>
                      <Service name={o.service} />
                      <bdi class={s.name}>{o.name}</bdi>
                      <span class={s.kind}>{kindName(o.kind)}</span>
                    </span>
                  </td>
                  <td class="num">{o.a.count === o.b.count ? o.a.count : `${o.a.count} → ${o.b.count}`}</td>
                  <td class={`num ${o.a.errors + o.b.errors > 0 ? s.red : s.muted}`}>{o.a.errors === o.b.errors ? o.a.errors : `${o.a.errors} → ${o.b.errors}`}</td>
                  <td class="num">{o.a.count ? duration(o.a.selfNanos) : "–"}</td>
                  <td class="num">{o.b.count ? duration(o.b.selfNanos) : "–"}</td>
                  <td>
                    <Diverging by={by} most={most} />
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </>
  );
}

/** A bar from the middle: to the right what took longer in B, to the left what took less. */
function Diverging({ by, most }: { by: number; most: number }) {
  const width = `${(Math.abs(by) / most) * 50}%`;
  return (
    <span class={s.diverging}>
      <span class={s.axis}>{by !== 0 && <span class={by > 0 ? s.more : s.less} style={by > 0 ? { left: "50%", width } : { right: "50%", width }} />}</span>
      <span class={s.by}>{by === 0 ? "0" : `${by > 0 ? "+" : ""}${duration(by)}`}</span>
    </span>
  );
}
