import { expect, test as base, type BrowserContext, type Page, type Request } from "@playwright/test";
import { join } from "node:path";
import { axe } from "./axe";
import { root, type Ids } from "./serve";

/** The server that setup.ts started. */
export const main: { url: string; otlp: string; ids: Ids } = JSON.parse(process.env.WEFT_MAIN ?? "{}");

/** Asks its API. */
export async function api<T>(path: string): Promise<T> {
  const answer = await fetch(main.url + "api/weft/v1/" + path);
  if (!answer.ok) throw new Error(`GET ${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

/** What is on its way to the pages of a context, and when that changed. */
const traffic = new WeakMap<BrowserContext, { open: Set<Request>; last: number }>();

/** What must not happen on any page, whatever it shows. */
export interface Watch {
  /** Messages of the console that this test expects. */
  expects(...messages: RegExp[]): void;
  problems: string[];
}

/**
 * A test whose pages are watched: a script that runs though it is a text, a dialog, an error on the console, a violation of
 * the Content-Security-Policy, or a request to anybody but the server fails it.
 */
export const test = base.extend<{ watch: Watch }>({
  watch: [
    async ({ context }, use) => {
      const expected: RegExp[] = [];
      const watch: Watch = { problems: [], expects: (...m) => expected.push(...m) };
      const add = (s: string) => {
        if (!expected.some((e) => e.test(s))) watch.problems.push(s);
      };
      await context.exposeBinding("weftTestProblem", (_, s: string) => add(s));
      await context.addInitScript(() => {
        const problem = (s: string) => (window as any).weftTestProblem(s);
        addEventListener("securitypolicyviolation", (e) => problem(`policy: ${e.violatedDirective} ${e.blockedURI} ${e.sample} ${e.sourceFile}:${e.lineNumber}`));
        Object.defineProperty(window, "broken", { set: () => problem("a text ran as a script") });
        addEventListener("DOMContentLoaded", () => {
          if (!document.documentElement) return;
          if ((Object.prototype as any).polluted !== undefined) problem("Object.prototype was written to");
        });
      });
      context.on("console", (m) => m.type() === "error" && add(`console: ${m.text()} (${m.location().url})`));
      context.on("weberror", (e) => add(`exception: ${e.error().stack ?? e.error()}`));
      context.on("dialog", (d) => {
        add(`dialog: ${d.message()}`);
        void d.dismiss();
      });
      const t = { open: new Set<Request>(), last: Date.now() };
      traffic.set(context, t);
      const ended = (r: Request) => {
        t.open.delete(r);
        t.last = Date.now();
      };
      context.on("requestfinished", ended);
      context.on("requestfailed", ended);
      context.on("request", (r) => {
        t.open.add(r);
        const { protocol, hostname } = new URL(r.url());
        if (!["data:", "blob:"].includes(protocol) && hostname !== "127.0.0.1") add(`request to ${r.url()}`);
      });
      await use(watch);
      expect(watch.problems).toEqual([]);
    },
    { auto: true },
  ],
});

/** Waits until nothing has been on its way to the page for a moment: it shows all that it was going to. */
export async function settled(page: Page): Promise<void> {
  const t = traffic.get(page.context())!;
  await expect.poll(() => t.open.size === 0 && Date.now() - t.last >= 150, { intervals: [30], message: "requests that do not end" }).toBe(true);
}

/** Takes a picture for people to look at, into ui/test/screenshots. */
export async function shot(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: join(root, "ui/test/screenshots", name + ".png"), animations: "disabled" });
}

/** What axe-core calls serious or critical. */
export async function inaccessible(page: Page, where: string): Promise<string[]> {
  const found = await axe(page);
  const bad = found.filter((v) => v.impact === "serious" || v.impact === "critical");
  return bad.map((v) => `${where}: ${v.id} (${v.impact}): ${v.nodes.slice(0, 3).map((n) => `${n.html.slice(0, 200)} ${n.why}`).join(" | ")}`);
}

export { expect, type Page };
