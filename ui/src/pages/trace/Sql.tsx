import { useMemo, useState } from "preact/hooks";
import { Segments } from "../../ui/Button";
import { Copy } from "../../ui/Copy";
import { Long, Value, visible } from "./AttributesValue";
import { t } from "./DetailsMessages";
import s from "./Sql.module.css";
import { format, tokens } from "./SqlTokens";

/** A database query in colours, laid out over lines unless it has them, with the values of its parameters. */
export function Sql({ text, system, parameters }: { text: string; system: string; parameters: [string, unknown][] }) {
  const laidOut = useMemo(() => (text.length <= 100_000 ? format(text) : text), [text]);
  const [sent, setSent] = useState(false);
  const shown = sent ? text : laidOut;
  return (
    <div class={s.sql}>
      <div class={s.bar}>
        <h4>
          <bdi>{visible(system.slice(0, 60)) || "SQL"}</bdi>
        </h4>
        {laidOut !== text.trim() && (
          <Segments
            value={sent ? "sent" : "formatted"}
            options={[
              { value: "formatted", text: t.formatted },
              { value: "sent", text: t.asSent },
            ]}
            onChange={(v) => setSent(v === "sent")}
            label={t.layout}
          />
        )}
        <Copy text={text} what={t.copySql} />
      </div>
      <pre class={s.code}>
        <code>
          <Long key={shown} text={shown} class={s.text} render={(part) => <Coloured sql={part} />} />
        </code>
      </pre>
      {parameters.length > 0 && (
        <dl class={s.parameters} aria-label={t.parameters}>
          {parameters.map(([name, value], i) => (
            <div key={i}>
              <dt>
                <bdi>{visible(name)}</bdi>
              </dt>
              <dd>
                <Value value={value} />
              </dd>
            </div>
          ))}
        </dl>
      )}
    </div>
  );
}

const classes: Partial<Record<string, string>> = { keyword: s.keyword, string: s.string, number: s.number, parameter: s.parameter, comment: s.comment, quoted: s.quoted };

function Coloured({ sql }: { sql: string }) {
  const pieces = useMemo(() => {
    const out: { class: string | undefined; text: string }[] = [];
    for (const { kind, text } of tokens(sql)) {
      const c = classes[kind];
      const last = out.at(-1);
      if (last && last.class === c) last.text += text;
      else out.push({ class: c, text });
    }
    return out;
  }, [sql]);
  return (
    <>
      {pieces.map((p, i) =>
        p.class ? (
          <span key={i} class={p.class}>
            {visible(p.text)}
          </span>
        ) : (
          visible(p.text)
        ),
      )}
    </>
  );
}
