import { useMemo, useState } from "preact/hooks";
import { Segments } from "../../ui/Button";
import { Copy } from "../../ui/Copy";
import { Icon } from "../../ui/Icon";
import { visible } from "./AttributesValue";
import { t } from "./DetailsMessages";
import s from "./Stack.module.css";
import { parts, type Frame, type Part } from "./StackFrames";

/** A stack trace: frames of the user's own code stand out, those of libraries fold. Unknown forms are shown as they are. */
export function Stack({ text }: { text: string }) {
  const all = useMemo(() => parts(text), [text]);
  const frames = useMemo(() => all.flatMap((p) => ("frames" in p ? p.frames : [])), [all]);
  const mixed = frames.some((f) => f.own) && frames.some((f) => !f.own);
  const [own, setOwn] = useState(true);
  return (
    <div class={s.stack}>
      <div class={s.bar}>
        <h4>{t.stack}</h4>
        <div class={s.end}>
          {mixed && (
            <Segments
              value={own ? "own" : "all"}
              options={[
                { value: "own", text: t.ownOnly },
                { value: "all", text: t.allFrames },
              ]}
              onChange={(v) => setOwn(v === "own")}
              label={t.whichFrames}
            />
          )}
          <Copy text={text} what={t.stack} />
        </div>
      </div>
      <div class={s.lines} tabIndex={0} role="group" aria-label={t.stack}>
        <Lines all={all} own={own && mixed} />
      </div>
    </div>
  );
}

const firstParts = 60; // more are shown on demand: a recursion can have thousands of frames

function Lines({ all, own }: { all: Part[]; own: boolean }) {
  const [most, setMost] = useState(firstParts);
  const shown: preact.ComponentChild[] = [];
  let n = 0;
  for (const p of all) {
    if (n >= most) break;
    if ("text" in p) {
      n++;
      if (p.text.trim()) shown.push(<p key={shown.length} class={s.text}>{visible(p.text.slice(0, 5000))}</p>);
      continue;
    }
    for (let i = 0; i < p.frames.length && n < most; n++) {
      const f = p.frames[i];
      if (!own || f.own) {
        shown.push(<FrameLine key={shown.length} frame={f} />);
        i++;
        continue;
      }
      let end = i + 1;
      while (end < p.frames.length && !p.frames[end].own) end++;
      shown.push(<Folded key={shown.length} frames={p.frames.slice(i, end)} />);
      i = end;
    }
  }
  const lines = all.reduce((sum, p) => sum + ("frames" in p ? p.frames.length : 1), 0);
  return (
    <>
      {shown}
      {n >= most && most < lines && (
        <button type="button" class={s.folded} onClick={() => setMost(most === firstParts ? 1000 : most * 4)}>
          {t.showAll(lines)}
        </button>
      )}
    </>
  );
}

function Folded({ frames }: { frames: Frame[] }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <button type="button" class={s.folded} aria-expanded={open} onClick={() => setOpen(!open)}>
        <Icon name={open ? "down" : "right"} size={12} />
        {t.moreFrames(frames.length)}
      </button>
      {open && frames.slice(0, 1000).map((f, i) => <FrameLine key={i} frame={f} />)}
    </>
  );
}

/** A frame: the function in short with its package before it, and where it is. */
function FrameLine({ frame }: { frame: Frame }) {
  const { function: name, file, line, own, code, note } = frame;
  const slash = name.lastIndexOf("/", name.indexOf("(") < 0 ? undefined : name.indexOf("("));
  const cut = file.lastIndexOf("/");
  return (
    <div class={own ? s.own : s.library}>
      <div class={s.function}>
        {note && <span class={s.note}>{t.createdBy} </span>}
        <bdi title={visible(name)}>
          {slash > 0 && <span class={s.package}>{visible(name.slice(0, slash + 1))}</span>}
          {visible(name.slice(slash + 1))}
        </bdi>
      </div>
      {file && (
        <div class={s.file}>
          <bdi title={`${visible(file)}:${line}`}>
            {cut >= 0 && <span class={s.folder}>{visible(file.slice(0, cut + 1))}</span>}
            <span class={s.base}>
              {visible(file.slice(cut + 1))}
              {line > 0 && `:${line}`}
            </span>
          </bdi>
        </div>
      )}
      {code && <code class={s.code}>{visible(code)}</code>}
    </div>
  );
}
