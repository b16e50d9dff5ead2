import type { ComponentChildren } from "preact";
import { useRef, useState } from "preact/hooks";
import { lang } from "../i18n";
import { groups, useKeys } from "../keys";
import { utc } from "../format";
import { rangeParams } from "../range";
import { base, navigate, place, url } from "../router";
import { session } from "./session";
import { isDark, theme } from "../theme/theme";
import { Button, Segments } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { Popover } from "../ui/Popover";
import { t } from "./messages";
import { RangePicker } from "./RangePicker";
import s from "./Shell.module.css";

const pages = [
  { path: "", name: () => t.overview, key: "g o", parts: ["", "service"] },
  { path: "search", name: () => t.search, key: "g s", parts: ["search", "trace"] },
  { path: "map", name: () => t.map, key: "g m", parts: ["map"] },
  { path: "compare", name: () => t.compare, key: "g c", parts: ["compare"] },
];

/** What is around every page: where one is, where one can go, when, and how it looks. */
export function Shell({ children, ranged }: { children: ComponentChildren; ranged: boolean }) {
  const [showKeys, setShowKeys] = useState(false);
  useKeys(t.everywhere, [
    ...pages.map((p) => ({ keys: p.key, does: t.goTo(p.name()), run: () => navigate(url(p.path, rangeParams())) })),
    { keys: "/", does: t.focusSearch, run: () => document.querySelector<HTMLInputElement>("[data-search]")?.focus() },
    { keys: "d", does: t.toggleTheme, run: () => (theme.value = isDark.value ? "light" : "dark") },
    { keys: "?", does: t.showKeys, run: () => setShowKeys(true) },
  ]);
  const first = place.value.path.split("/")[0];
  return (
    <>
      <a class={s.skip} href="#main" onClick={(e) => { e.preventDefault(); document.getElementById("main")?.focus(); }}>
        {t.skip}
      </a>
      <header class={s.bar}>
        <a class={s.logo} href={url("", rangeParams())} aria-label="weft">
          <Logo />
          <span class={s.word}>weft</span>
        </a>
        <nav class={s.nav} aria-label={t.pages}>
          {pages.map((p) => (
            <a key={p.path} href={url(p.path, rangeParams())} aria-current={p.parts.includes(first) ? "page" : undefined}>
              {p.name()}
            </a>
          ))}
        </nav>
        <div class={s.tools}>
          <OpenTrace />
          {ranged && <RangePicker />}
          <Settings showKeys={() => setShowKeys(true)} />
        </div>
      </header>
      <main id="main" class={s.main} tabIndex={-1}>
        {children}
      </main>
      {showKeys && <Keys onClose={() => setShowKeys(false)} />}
    </>
  );
}

function Logo() {
  return (
    <svg width="22" height="22" viewBox="0 0 32 32" aria-hidden="true" class={s.mark}>
      <rect width="32" height="32" rx="7" />
      <path d="M6 10h9M11 16h12M17 22h9" fill="none" stroke-width="3" stroke-linecap="round" />
    </svg>
  );
}

/** Takes the id of a trace that somebody has from a log or a colleague. */
function OpenTrace() {
  const ref = useRef<HTMLInputElement>(null);
  return (
    <form
      class={s.open}
      role="search"
      onSubmit={(e) => {
        e.preventDefault();
        const el = ref.current!;
        const id = el.value.trim().toLowerCase();
        if (!/^[0-9a-f]{1,32}$/.test(id)) {
          el.setCustomValidity(t.notATraceId);
          el.reportValidity();
          return;
        }
        el.value = "";
        navigate(url(`trace/${id.padStart(32, "0")}`));
      }}
    >
      <input ref={ref} class={s.id} aria-label={t.openTrace} title={t.openTrace} placeholder={t.traceId} spellcheck={false} autocomplete="off" onInput={(e) => e.currentTarget.setCustomValidity("")} />
    </form>
  );
}

function Settings({ showKeys }: { showKeys: () => void }) {
  return (
    <Popover icon="more" look="quiet" label={t.settings} align="right">
      {(close) => (
        <div class={s.settings}>
          <Setting name={t.language}>
            <Segments label={t.language} value={lang.value} onChange={(v) => (lang.value = v)} options={[{ value: "en", text: "English" }, { value: "zh", text: "中文" }]} />
          </Setting>
          <Setting name={t.theme}>
            <Segments label={t.theme} value={theme.value} onChange={(v) => (theme.value = v)} options={[{ value: "light", text: t.light }, { value: "dark", text: t.dark }, { value: "system", text: t.system }]} />
          </Setting>
          <Setting name={t.timeZone}>
            <Segments label={t.timeZone} value={utc.value ? "utc" : "local"} onChange={(v) => (utc.value = v === "utc")} options={[{ value: "local", text: t.local }, { value: "utc", text: "UTC" }]} />
          </Setting>
          <div class={s.links}>
            <Button icon="keyboard" onClick={() => { close(); showKeys(); }}>
              {t.keys}
            </Button>
            {session.value.login && (
              <form method="post" action={base + "logout"}>
                <Button type="submit" icon="out">{t.logout}</Button>
              </form>
            )}
          </div>
        </div>
      )}
    </Popover>
  );
}

function Setting({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div class={s.setting}>
      <span>{name}</span>
      {children}
    </div>
  );
}

function Keys({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title={t.keys} onClose={onClose}>
      <div class={s.groups}>
        {groups.value.map((g) => (
          <section key={g.title}>
            <h3>{g.title}</h3>
            <dl class={s.keys}>
              {g.shortcuts.filter((k) => k.does).map((k) => (
                <div key={k.keys}>
                  <dt>
                    {k.keys.split(", ")[0].split(" ").map((one) => (
                      <kbd key={one}>{one === " " ? "space" : one}</kbd>
                    ))}
                  </dt>
                  <dd>{k.does}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
