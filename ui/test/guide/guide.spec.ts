import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, settled, test, type Page } from "../page";
import { small } from "../png";
import { root, Server, type Ids } from "../serve";

// The pictures of docs/guide/page.md, in both languages. They show the system of twelve services, and nothing that is made up
// for edge cases.
let server: Server;
let ids: Ids;
let failed: string; // the span with the exception

test.beforeAll(async () => {
  server = await Server.start();
  ids = await server.send("-sets", "system", "-history", "135m", "-rate", "1.5", "-slow", "10m");
  const { spans } = await (await fetch(`${server.url}api/weft/v1/traces/${ids["checkout-failed"]}`)).json();
  failed = spans.find((s: { name: string; service: string }) => s.service === "payments" && s.name === "POST /charges").spanId;
});
test.afterAll(() => server.stop());

const row = (page: Page, name: RegExp) => page.getByRole("treeitem", { name });

async function drag(page: Page): Promise<void> {
  const box = (await page.getByRole("application").boundingBox())!;
  await page.mouse.move(box.x + box.width * 0.84, box.y + 14);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.9, box.y + 30);
  await page.mouse.move(box.x + box.width * 0.985, box.y + box.height * 0.36);
  await page.mouse.up();
}

interface Picture {
  name: string;
  path: () => string;
  dark?: boolean;
  act?: (page: Page) => Promise<void>;
}

const q = encodeURIComponent;
const pictures: Picture[] = [
  { name: "services", path: () => "" },
  { name: "search", path: () => "search?q=" + q("service = checkout and duration > 300ms"), act: async (page) => page.getByRole("checkbox").first().scrollIntoViewIfNeeded() },
  {
    name: "heat-map",
    path: () => "search?q=" + q("service = inventory and kind = server"),
    act: async (page) => {
      await drag(page);
      const buttons = page.getByRole("main").getByRole("button");
      await buttons.filter({ hasText: /What is different\?|有何不同|不同/ }).first().click();
      await expect(page.getByText("2.4.0").first()).toBeVisible();
    },
  },
  { name: "trace", path: () => `trace/${ids.checkout}` },
  {
    name: "span",
    path: () => `trace/${ids.checkout}`,
    act: async (page) => {
      await row(page, /^inventory SELECT stock/).click();
    },
  },
  { name: "errors", path: () => `trace/${ids["checkout-failed"]}?span=${failed}` },
  { name: "flame", path: () => `trace/${ids.checkout}?view=flame` },
  { name: "table", path: () => `trace/${ids.checkout}?view=table` },
  { name: "map", path: () => "map" },
  { name: "route", path: () => `service?name=inventory&operation=${q("GET /stock/{sku}")}&kind=server&from=-30m` },
  { name: "compare-traces", path: () => `compare?a=${ids["checkout-before"]}&b=${ids.checkout}` },
  { name: "compare-times", path: () => `compare?q=${q("service = inventory and kind = server")}&from=-10m` },
  { name: "dark", path: () => `trace/${ids.checkout}`, dark: true },
];

for (const locale of ["en", "zh-CN"]) {
  test.describe(locale, () => {
    test.use({ locale: locale === "en" ? "en-US" : locale, timezoneId: "UTC" });
    for (const picture of pictures) {
      test(`${picture.name}, ${locale}`, async ({ page }) => {
        const dir = join(root, "docs/guide/images", locale);
        await mkdir(dir, { recursive: true });
        await page.emulateMedia({ colorScheme: picture.dark ? "dark" : "light", reducedMotion: "reduce" });
        await page.goto(server.url + picture.path());
        await settled(page);
        await picture.act?.(page);
        await settled(page);
        await page.mouse.move(700, 4); // nothing is pointed at
        await small(await page.screenshot({ animations: "disabled", caret: "hide" }), join(dir, picture.name + ".png"));
      });
    }
  });
}
