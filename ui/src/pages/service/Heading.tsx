import type { ComponentChildren } from "preact";
import type { Change } from "../../calls/change";
import { Sentence, Since, tone } from "../../calls/Marks";
import { serviceURL } from "../../calls/links";
import { rangeParams } from "../../range";
import { url } from "../../router";
import { serviceColor } from "../../theme/service";
import { Copy } from "../../ui/Copy";
import { Icon, type IconName } from "../../ui/Icon";
import { Service } from "../../ui/Service";
import { t } from "./messages";
import button from "../../ui/Button.module.css";
import s from "./Heading.module.css";

/** Which service or route a page is about, the way back, and where to look further. */
export function Heading({ service, operation, kind, links }: { service: string; operation?: string; kind?: string; links: ComponentChildren }) {
  return (
    <header class={s.heading}>
      <nav class={s.crumbs} aria-label={t.where}>
        <a href={url("", rangeParams())}>{t.services}</a>
        {operation !== undefined && (
          <>
            <Icon name="right" size={12} />
            <a href={serviceURL(service)}>
              <Service name={service} />
            </a>
          </>
        )}
      </nav>
      <div class={s.row}>
        <h1 class={s.title}>
          <span class={s.dot} style={{ background: serviceColor(service) }} />
          <bdi title={operation ?? service}>{operation ?? service}</bdi>
          {kind && <span class={s.kind}>{kind}</span>}
        </h1>
        <Copy text={operation ?? service} />
        <div class={s.links}>{links}</div>
      </div>
    </header>
  );
}

/** A link that looks like a button. */
export function LinkButton({ href, icon, children }: { href: string; icon: IconName; children: ComponentChildren }) {
  return (
    <a class={[button.button, s.link].join(" ")} href={href}>
      <Icon name={icon} />
      {children}
    </a>
  );
}

/** What changed, as a line under the heading; nothing if nothing did. */
export function Changed({ changes }: { changes: readonly Change[] }) {
  if (changes.length === 0) return null;
  return (
    <ul class={s.changed} aria-label={t.changed}>
      {changes.map((c) => (
        <li key={c.what} class={s[tone(c)]}>
          <Sentence change={c} /> <Since change={c} />
        </li>
      ))}
    </ul>
  );
}
