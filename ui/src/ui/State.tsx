import type { ComponentChildren } from "preact";
import type { Problem } from "../api/client";
import { Button } from "./Button";
import { Icon } from "./Icon";
import { t } from "./messages";
import s from "./State.module.css";

/** What stands where nothing else can: why it is empty and what to do. */
export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class={s.empty}>
      <p class={s.title}>{title}</p>
      {children}
    </div>
  );
}

/** An error, with what to do about it. */
export function ProblemBox({ problem, retry }: { problem: Problem; retry?: () => void }) {
  const unreachable = problem.status === 0 || problem.status === 502 || problem.status === 503;
  return (
    <div class={s.problem} role="alert">
      <Icon name="warning" />
      <div class={s.text}>
        <strong>{unreachable ? t.unreachable : problem.parameter ? t.badParameter(problem.parameter) : t.failed}</strong>
        {!unreachable && problem.message && <pre class={s.detail}>{problem.message}</pre>}
      </div>
      {retry && <Button onClick={retry}>{t.retry}</Button>}
    </div>
  );
}

/** Says that an answer is not whole, and why. */
export function Partial({ why }: { why?: string }) {
  return (
    <p class={s.partial}>
      <Icon name="info" /> {t.partial}
      {why ? `: ${why}` : ""}
    </p>
  );
}

/** A thin moving line at the top of what is being loaded; the place is always kept, so that nothing jumps. */
export function Progress({ on }: { on: boolean }) {
  return <div class={on ? s.progress : s.still} role={on ? "progressbar" : undefined} aria-label={on ? t.loading : undefined} />;
}
