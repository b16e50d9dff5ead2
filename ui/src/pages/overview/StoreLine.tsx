import { useEffect, useRef, useState } from "preact/hooks";
import { get } from "../../api/client";
import type { Stats } from "../../api/types";
import { span } from "../../calls/words";
import { bytes, count, fullTime, ms } from "../../format";
import { session } from "../../shell/session";
import { Icon } from "../../ui/Icon";
import { t } from "./messages";
import s from "./StoreLine.module.css";

const everyMs = 5000;

/** The state of the store, asked for every few seconds; what it could not take stands first. */
export function StoreLine() {
  const [stats, setStats] = useState<Stats>();
  const [perSecond, setPerSecond] = useState<number>();
  const last = useRef<Stats | undefined>(undefined);
  useEffect(() => {
    const abort = new AbortController();
    const look = async () => {
      if (document.visibilityState !== "visible") return;
      try {
        const now = await get<Stats>("/stats", {}, abort.signal);
        const then = last.current;
        // A server that was started anew counts from zero.
        if (then && now.uptimeNanos > then.uptimeNanos) setPerSecond(((now.spans - then.spans) / (now.uptimeNanos - then.uptimeNanos)) * 1e9);
        last.current = now;
        setStats(now);
      } catch {
        // The rest of the page says that the server is away.
      }
    };
    void look();
    const timer = setInterval(look, everyMs);
    return () => {
      abort.abort();
      clearInterval(timer);
    };
  }, []);
  if (!stats) return <footer class={s.line} />;
  const { ageNanos = 0, bytes: most = 0 } = session.value.retention ?? {};
  const kept = [ageNanos > 0 && t.keptAge(span(ageNanos / 1e6)), most > 0 && t.keptSize(bytes(most))].filter(Boolean).join(t.and);
  return (
    <footer class={s.line} aria-label={t.store}>
      {stats.diskFull && <Warning text={t.diskFull} />}
      {stats.readOnly && <Warning text={t.readOnly + (stats.failure ? `: ${stats.failure}` : "")} />}
      {stats.damaged > 0 && <Warning text={t.damaged(stats.damaged)} />}
      <span>
        <b>{count(stats.storedSpans)}</b> {t.stored}
      </span>
      <span>
        <b>{bytes(stats.storedBytes)}</b> {t.size}
      </span>
      {stats.oldestUnixNano && <span title={fullTime(ms(stats.oldestUnixNano))}>{t.back(span(Date.now() - ms(stats.oldestUnixNano)))}</span>}
      {kept && <span>{t.kept(kept)}</span>}
      <span>weft {stats.version}</span>
      {perSecond !== undefined && (
        <span>
          <b>{count(Math.round(perSecond))}</b> {t.perSecond}
        </span>
      )}
    </footer>
  );
}

function Warning({ text }: { text: string }) {
  return (
    <span class={s.warning} role="status">
      <Icon name="warning" /> {text}
    </span>
  );
}

