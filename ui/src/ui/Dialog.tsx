import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Button } from "./Button";
import { t } from "./messages";
import s from "./Dialog.module.css";

/** A modal dialog; it is open as long as it is rendered. The browser keeps the focus in it and closes it with Escape. */
export function Dialog({ title, onClose, children }: { title: string; onClose: () => void; children: ComponentChildren }) {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const d = ref.current!;
    d.showModal();
    return () => d.close();
  }, []);
  return (
    <dialog ref={ref} class={s.dialog} aria-label={title} onClose={onClose} onClick={(e) => e.target === ref.current && onClose()}>
      <div class={s.inside}>
        <header class={s.header}>
          <h2>{title}</h2>
          <Button look="quiet" icon="close" label={t.close} onClick={onClose} />
        </header>
        {children}
      </div>
    </dialog>
  );
}

