import { expect, settled, shot, test, type Page } from "../page";
import { Server, type Ids } from "../serve";

// The server has nothing but texts that try something, in every place that has a text: names, keys, values, SQL, stack traces,
// messages, events, links, logs. Whatever the page shows of them must be shown as text. What is watched for is in page.ts.
test.describe("hostile texts", () => {
  let server: Server;
  let ids: Ids;
  test.beforeAll(async () => {
    server = await Server.start();
    ids = await server.send("-sets", "hostile");
  });
  test.afterAll(() => server.stop());

  // All links go to this server, or to the web, and none to a script.
  async function harmless(page: Page): Promise<void> {
    const links = await page.evaluate(() => [...document.querySelectorAll("[href], [src], [action], [formaction], [xlink\\:href]")].map((e) => (e as any).href?.baseVal ?? (e as any).href ?? (e as any).src ?? (e as any).action));
    expect(links.filter((l) => !/^https?:\/\//.test(String(l)))).toEqual([]);
    expect(await page.evaluate(() => document.querySelectorAll("script:not([src]), iframe, object, embed, base:not(head > base)").length)).toBe(0);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(1280);
  }

  test("on the start page, in changes and in the table", async ({ page }) => {
    await page.goto(server.url);
    await expect(page.getByText("<script>window.broken=1</script>").first()).toBeVisible();
    await expect(page.getByText("__proto__").first()).toBeVisible();
    await harmless(page);
    await shot(page, "hostile-overview");
  });

  test("on the map and beside it", async ({ page }) => {
    await page.goto(server.url + "map");
    const nodes = page.getByRole("group", { name: /Service map/ }).getByRole("button");
    await expect(nodes.first()).toBeVisible();
    for (let i = 0, n = Math.min(30, await nodes.count()); i < n; i++) {
      await nodes.nth(i).dispatchEvent("click");
      await expect(page.getByRole("complementary").first()).toBeVisible();
    }
    await harmless(page);
    await shot(page, "hostile-map");
    await page.getByRole("button", { name: "Table" }).click();
    await expect(page.getByRole("table").first()).toBeVisible();
    await harmless(page);
  });

  test("among what a search finds, in its facets, and in the field", async ({ page, watch }) => {
    watch.expects(/400 \(Bad Request\)/); // some are no queries
    await page.goto(server.url + "search");
    await expect(page.getByText("<script>window.broken=1</script>").first()).toBeVisible();
    await harmless(page);
    await shot(page, "hostile-search");
    for (const q of [`<img src=x onerror=window.broken=1>`, `service = "<script>window.broken=1</script>"`, `"</script><script>window.broken=1</script>`, `__proto__ = polluted`, `constructor exists`]) {
      await page.goto(server.url + "search?q=" + encodeURIComponent(q));
      await settled(page);
      await harmless(page);
    }
  });

  test("on the pages of services and routes", async ({ page }) => {
    test.slow();
    const { services } = await (await fetch(server.url + "api/weft/v1/services")).json();
    for (const { name } of services.filter((_: unknown, i: number) => i % 5 === 0)) {
      await page.goto(server.url + "service?name=" + encodeURIComponent(name));
      await settled(page);
      await harmless(page);
      const { operations } = await (await fetch(server.url + "api/weft/v1/operations?service=" + encodeURIComponent(name))).json();
      const { name: operation, kind } = operations[0];
      await page.goto(server.url + `service?name=${encodeURIComponent(name)}&operation=${encodeURIComponent(operation)}&kind=${kind}`);
      await settled(page);
      await harmless(page);
    }
    await shot(page, "hostile-route");
  });

  for (const name of ["hostile-1", "hostile-2", "hostile-3", "hostile-4", "hostile-keys", "hostile-size"]) {
    test(`in a trace, in every view of it and every span: ${name}`, async ({ page }) => {
      test.slow();
      const { spans } = await (await fetch(`${server.url}api/weft/v1/traces/${ids[name]}`)).json();
      for (const view of ["waterfall", "flame", "table"]) {
        await page.goto(`${server.url}trace/${ids[name]}?view=${view}`);
        await settled(page);
        await harmless(page);
        await shot(page, `${name}-${view}`);
      }
      const rows = page.getByRole("tree").getByRole("treeitem");
      await page.goto(`${server.url}trace/${ids[name]}?span=${spans[0].spanId}`);
      await rows.first().click();
      for (let i = 0; i < Math.min(spans.length, 20); i++) {
        await settled(page);
        // Everything that can be opened, is.
        const closed = page.getByRole("complementary", { name: "Details" }).getByRole("button", { expanded: false });
        for (let n = await closed.count(); n > 0; n--) await closed.first().click();
        await harmless(page);
        await page.keyboard.press("ArrowDown");
      }
      await shot(page, name);
    });
  }

  test("in a comparison", async ({ page }) => {
    await page.goto(`${server.url}compare?a=${ids["hostile-1"]}&b=${ids["hostile-2"]}`);
    await settled(page);
    await harmless(page);
    await page.goto(`${server.url}compare?a=${ids["hostile-3"]}&b=${ids["hostile-4"]}`);
    await settled(page);
    await harmless(page);
    await shot(page, "hostile-compare");
  });

  test("in the address", async ({ page, watch }) => {
    watch.expects(/40[04] \(/);
    const x = encodeURIComponent(`"><script>window.broken=1</script><img src=x onerror=window.broken=1>`);
    for (const path of [`search?q=${x}&order=${x}`, `service?name=${x}&operation=${x}&kind=${x}`, `trace/${x}`, `trace/${ids["hostile-1"]}?view=${x}&span=${x}&find=${x}`, `map?selected=${x}&find=${x}&only=${x}`, `compare?a=${x}&b=${x}`,
      `compare?q=${x}&from=${x}`, `?from=${x}&to=${x}&filter=${x}&sort=${x}`, `login?next=${x}`, `login?next=javascript:window.broken=1`, `search?__proto__[polluted]=1&constructor[prototype][polluted]=1`, x, `${x}/${x}`]) {
      await page.goto(server.url + path);
      await settled(page);
      await harmless(page);
    }
  });
});

test("what must not happen is noticed when it happens", async ({ page, watch }) => {
  const server = await Server.start();
  try {
    await page.goto(server.url);
    await page.evaluate(() => {
      (window as any).broken = 1;
      setTimeout(() => alert("a dialog"));
      console.error("an error");
      setTimeout(() => {
        throw new Error("an exception");
      });
      void fetch("http://broken.example/").catch(() => {});
    });
    for (const p of [/ran as a script/, /dialog: a dialog/, /console: an error/, /exception: .*an exception/, /policy: connect-src/]) await expect.poll(() => watch.problems.some((s) => p.test(s)), String(p)).toBe(true);
    watch.problems.length = 0;
    watch.expects(/broken\.example/);
  } finally {
    await page.close();
    await server.stop();
  }
});
