import { useEffect } from "preact/hooks";
import { session } from "../../shell/session";
import { Copy } from "../../ui/Copy";
import { receiver } from "./receiver";
import { t } from "./messages";
import s from "./FirstSteps.module.css";

const everyMs = 2000;

/** What a new user sees: the one command to run. It asks for news until the first span is there. */
export function FirstSteps({ look }: { look: () => void }) {
  useEffect(() => {
    const timer = setInterval(() => document.visibilityState === "visible" && look(), everyMs);
    return () => clearInterval(timer);
  }, []);
  const { receivers, tokens } = session.value;
  const known = receivers !== undefined;
  const r = receiver(receivers, location.hostname);
  const env = r && [`export OTEL_EXPORTER_OTLP_ENDPOINT=${r.endpoint}`, r.protocol && `export OTEL_EXPORTER_OTLP_PROTOCOL=${r.protocol}`, tokens && 'export OTEL_EXPORTER_OTLP_HEADERS="Authorization=Bearer TOKEN"'].filter(Boolean);
  // Woven programs on this machine find the server by themselves.
  const needed = env && (!r.standard || tokens) ? env : [];
  const build = ["weft go build -o app .", ...needed, "OTEL_SERVICE_NAME=app ./app"];
  return (
    <div class={s.steps}>
      <header class={s.header}>
        <span class={s.pulse} aria-hidden="true" />
        <h1>{t.waiting}</h1>
        <p role="status">{t.waitingHint}</p>
      </header>
      {known && !r && <p class={s.note}>{t.off}</p>}
      <section class={s.step}>
        <h2>{t.build}</h2>
        <p>{t.buildHint}</p>
        <Command text={build.join("\n")} what={t.command} />
      </section>
      {env && (
        <section class={s.step}>
          <h2>{t.other}</h2>
          <p>{t.otherHint}</p>
          <Command text={env.join("\n")} what={t.variables} />
          {tokens && <p class={s.note}>{t.token}</p>}
        </section>
      )}
      {r && (
        <p class={s.note}>
          {t.accepts}: {r.all.map((a) => `${a.name} ${a.address}`).join(" · ")}
          {r.loopbackOnly && ` · ${t.local}`}
        </p>
      )}
    </div>
  );
}

function Command({ text, what }: { text: string; what: string }) {
  return (
    <div class={s.command}>
      <pre tabIndex={0} aria-label={what}>
        <code>{text}</code>
      </pre>
      <Copy text={text} what={what} />
    </div>
  );
}
