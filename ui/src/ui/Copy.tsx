import { useState } from "preact/hooks";
import { Button } from "./Button";
import { t } from "./messages";

/** Copies a text to the clipboard, also where the page came without TLS and browsers offer no clipboard API. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    area.style.position = "fixed";
    area.style.opacity = "0";
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

/** A small button that copies a text and says so. what: what it is, for its label, as in "Copy trace ID". */
export function Copy({ text, what }: { text: string; what?: string }) {
  const [done, setDone] = useState(false);
  return (
    <Button
      look="quiet"
      icon={done ? "check" : "copy"}
      label={done ? t.copied : what ? `${t.copy}: ${what}` : t.copy}
      onClick={async (e) => {
        e.stopPropagation();
        if (!(await copyText(text))) return;
        setDone(true);
        setTimeout(() => setDone(false), 1500);
      }}
    />
  );
}
