import { get, useLoad } from "../../api/client";
import type { Waits as Data } from "../../api/types";
import { queryOf, type Which } from "../../calls/links";
import { count, duration, percent } from "../../format";
import { range } from "../../range";
import { Panel } from "../../ui/Panel";
import { seldom } from "./load";
import { t } from "./messages";
import { parts } from "./parts";
import s from "./Waits.module.css";

/** Where the time of requests went, by what they waited for. Nothing is shown until there are programs that tell it. */
export function Waits({ which }: { which: Which }) {
  const r = range.value;
  const { data, loading } = useLoad((signal) => get<Data>("/waits", { q: queryOf(which), from: r.from, to: r.to, limit: 10 }, signal), [queryOf(which), r.from, r.to, seldom()], { refreshed: false });
  const routes = (data?.routes ?? []).filter((route) => route.spans > 0 && (route.durationNanos ?? 0) > 0);
  if (routes.length === 0) return null;
  return (
    <Panel title={t.waits} loading={loading}>
      <ul class={s.routes}>
        {routes.map((route) => (
          <li key={route.service + "\n" + route.route}>
            <h3 class={s.route}>
              <bdi>{route.route}</bdi>
              <span>{`${count(route.spans)} · ${duration((route.durationNanos ?? 0) / route.spans)}`}</span>
            </h3>
            <div class={s.bar}>
              {parts(route).map((p, i) => (
                <span key={p.name} class={s[p.look]} style={{ width: `${p.share * 100}%`, opacity: p.look === "wait" ? Math.max(0.35, 1 - i * 0.12) : 1 }} />
              ))}
            </div>
            <ul class={s.parts}>
              {parts(route).map((p) => (
                <li key={p.name}>
                  <span class={s.part}>{p.look === "wait" ? p.name : t[p.look]}</span> {percent(p.share)} · {duration(p.nanos / route.spans)}
                </li>
              ))}
            </ul>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
