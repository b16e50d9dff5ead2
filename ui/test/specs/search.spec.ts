import { api, expect, main, settled, shot, test, type Page } from "../page";

const query = (page: Page) => page.getByRole("combobox", { name: "Query" });
const results = (page: Page) => page.getByRole("table").last().getByRole("row");
const heat = (page: Page) => page.getByRole("application", { name: /Heat map of durations/ });

interface Search {
  traces: { traceId: string; durationNanos: number; services: { name: string }[] }[];
}

test("results come while a query is typed, and suggestions help", async ({ page }) => {
  await page.goto(main.url + "search");
  await expect(query(page)).toBeVisible();
  await page.keyboard.press("/");
  await expect(query(page)).toBeFocused();
  await page.keyboard.type("serv");
  const option = page.getByRole("listbox", { name: "Suggestions" }).getByRole("option", { name: /^service\b/ }).first();
  await expect(option).toBeVisible();
  await shot(page, "search-suggestions");
  await page.keyboard.press("Escape");
  await query(page).fill("service = payments status = error");
  await expect(page).toHaveURL(/q=service/);
  const { traces } = await api<Search>("search?q=service+%3D+payments+status+%3D+error&limit=100");
  expect(traces.length).toBeGreaterThan(0);
  await expect(results(page)).toHaveCount(traces.length + 1); // and the header
  await expect(results(page).nth(1).getByRole("link").first()).toHaveAttribute("href", new RegExp(traces[0].traceId));
  await shot(page, "search-typed");

  // A deep link is all of it.
  await page.reload();
  await expect(query(page)).toHaveValue("service = payments status = error");
  await expect(results(page)).toHaveCount(traces.length + 1);
});

test("a query that cannot be read says where and why, and keeps what was found", async ({ page, watch }) => {
  watch.expects(/400 \(Bad Request\)/);
  await page.goto(main.url + "search?q=service+%3D+search");
  await expect(results(page).nth(1)).toBeVisible();
  await query(page).fill("service = search duration > 250");
  await expect(page.getByText(/is not a length of time; expected a number with its unit/)).toBeVisible();
  await expect(results(page).nth(1)).toBeVisible();
  await shot(page, "search-wrong-query");
  await query(page).fill("service = search duration > 25ms");
  await expect(page.getByText(/is not a length of time/)).toHaveCount(0);
});

test("a region of the heat map is dragged, told apart, and searched", async ({ page }) => {
  await page.goto(main.url + "search?q=service+%3D+inventory+kind+%3D+server");
  await expect(heat(page)).toHaveAccessibleName(/[1-9][\d,]* spans/);
  await settled(page);
  const box = (await heat(page).boundingBox())!;
  // The slow version: the upper part of the last quarter of an hour.
  await page.mouse.move(box.x + box.width * 0.75, box.y + 12);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.9, box.y + 30);
  await page.mouse.move(box.x + box.width * 0.985, box.y + box.height * 0.45);
  await page.mouse.up();
  const selected = page.getByRole("group", { name: "Selected" });
  await expect(selected).toContainText(/[1-9][\d,]* spans/);
  await expect(page).toHaveURL(/box=/);
  await selected.getByRole("button", { name: "What is different?" }).click();
  const version = page.getByRole("listitem").filter({ has: page.getByRole("button", { name: "Only: 2.4.0" }) });
  await expect(version.getByRole("img")).toHaveAccessibleName(/^(8\d|9\d|100)% here/);
  await shot(page, "search-differences");

  await page.reload();
  await expect(version.getByRole("img")).toHaveAccessibleName(/^(8\d|9\d|100)% here/);
  await version.getByRole("button", { name: "Only: 2.4.0" }).click();
  await expect(query(page)).toHaveValue(/service\.version = 2\.4\.0/);
  await page.goBack();
  await expect(query(page)).not.toHaveValue(/2\.4\.0/);

  await selected.getByRole("button", { name: "Search these" }).click();
  await expect(query(page)).toHaveValue(/duration/);
  await expect(page).not.toHaveURL(/box=/);
});

test("the heat map by keyboard alone", async ({ page }) => {
  await page.goto(main.url + "search?q=service+%3D+web");
  await expect(heat(page)).toHaveAccessibleName(/[1-9][\d,]* spans/);
  await heat(page).focus();
  await page.keyboard.press("ArrowLeft");
  for (let i = 0; i < 4; i++) await page.keyboard.press("Shift+ArrowLeft");
  await page.keyboard.press("Shift+ArrowUp");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("group", { name: "Selected" })).toContainText(/spans/);
  await page.keyboard.press("Escape");
  await expect(page.getByRole("group", { name: "Selected" })).toHaveCount(0);
});

test("attributes narrow the search, take back, and exclude", async ({ page }) => {
  await page.goto(main.url + "search?q=service+%3D+checkout");
  const facets = page.getByRole("complementary", { name: "Attributes" });
  await facets.getByRole("button", { name: /^error\b/ }).first().click();
  await expect(query(page)).toHaveValue("service = checkout and status = error");
  await facets.getByRole("button", { name: "Not: POST /orders" }).click();
  await expect(query(page)).toHaveValue(/not name = "POST \/orders"|name != "POST \/orders"/);
  await expect(facets.getByRole("button", { name: /^error/, pressed: true })).toBeVisible();
  await page.goBack();
  await expect(query(page)).toHaveValue("service = checkout and status = error");
});

test("a value of any spelling is found by a click on it", async ({ page }) => {
  test.slow();
  await page.goto(main.url + "search?from=-6h&q=" + encodeURIComponent("service = quotes"));
  const facets = page.getByRole("complementary", { name: "Attributes" });
  await facets.getByRole("button", { name: "Another attribute" }).click();
  await page.getByRole("dialog").getByRole("textbox").fill("quoted");
  await page.getByRole("dialog").getByRole("button", { name: "quoted", exact: true }).click();
  const values = facets.getByRole("list").filter({ has: page.getByRole("button", { name: "Not: 50%" }) });
  await expect(values).toBeVisible();
  await values.locator("xpath=following-sibling::button").click(); // "More values"
  const { values: all } = await api<{ values: { value: string }[] }>("values?field=quoted&from=-6h");
  expect(all.length).toBe(11);
  await expect(values.getByRole("listitem")).toHaveCount(11);
  for (let i = 0; i < 11; i++) {
    const value = values.getByRole("listitem").nth(i).getByRole("button").first();
    await value.click();
    await expect(value).toHaveAttribute("aria-pressed", "true");
    await expect(heat(page), await query(page).inputValue()).toHaveAccessibleName(/over time\. 1 span/);
    await value.click();
    await expect(query(page)).toHaveValue("service = quotes");
  }
});

test("spans instead of traces, the slowest first, more of them", async ({ page }) => {
  await page.goto(main.url + "search?q=service+%3D+inventory");
  await page.getByRole("group", { name: "Order" }).getByRole("button", { name: "Slowest" }).click();
  await expect(page).toHaveURL(/order=slowest/);
  await page.getByRole("group", { name: "Shown as" }).getByRole("button", { name: "Spans" }).click();
  await expect(page).toHaveURL(/by=spans/);
  await settled(page);
  const { spans } = await api<{ spans: { name: string; durationNanos: number }[] }>("search?q=service+%3D+inventory&by=spans&order=slowest&limit=20");
  const most = Math.round(spans[0].durationNanos / 1e6);
  await expect(results(page).nth(1)).toContainText(new RegExp(`${most}|${most - 1}|${most + 1}`));
  await shot(page, "search-spans-slowest");
});

test("two results are chosen and compared", async ({ page }) => {
  await page.goto(main.url + "search?q=" + encodeURIComponent(`name = "POST /checkout"`));
  const boxes = page.getByRole("checkbox", { name: /Choose for comparison/ });
  await boxes.nth(0).check();
  await boxes.nth(1).check();
  await page.getByRole("link", { name: "Compare" }).last().click();
  await expect(page).toHaveURL(/\/compare\?a=[0-9a-f]{32}&b=[0-9a-f]{32}/);
});

test("nothing found, and what to do about it", async ({ page }) => {
  await page.goto(main.url + "search?q=" + encodeURIComponent("service = payments and user.id = nobody"));
  await expect(page.getByText("Nothing was found")).toBeVisible();
  await shot(page, "search-nothing");
  await page.getByRole("button", { name: /Without user\.id = nobody/ }).or(page.getByRole("link", { name: /Without user\.id = nobody/ })).click();
  await expect(query(page)).toHaveValue("service = payments");
  await expect(results(page).nth(1)).toBeVisible();
});

test("a result leads to the span that was found", async ({ page }) => {
  await page.goto(main.url + "search?q=" + encodeURIComponent(`name = "SELECT stock" duration > 100ms`));
  await results(page).nth(1).getByRole("link").first().click();
  await expect(page).toHaveURL(/\/trace\/[0-9a-f]{32}\?.*span=[0-9a-f]{16}/);
  await page.goBack();
  await expect(query(page)).toHaveValue(`name = "SELECT stock" duration > 100ms`);
});

test("search on a telephone", async ({ page }) => {
  await page.setViewportSize({ width: 375, height: 740 });
  await page.goto(main.url + "search?q=service+%3D+web");
  await settled(page);
  await expect(page.getByRole("heading", { name: "Results" })).toBeVisible();
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(375);
  await shot(page, "search-375");
});

test("the field of a menu has the focus each time one is opened", async ({ page }) => {
  await page.goto(main.url + "search");
  for (const menu of [/^Service/, /^Operation/, /^Service/]) {
    await page.getByRole("button", { name: menu }).first().click();
    await expect(page.getByRole("dialog").getByRole("textbox")).toBeFocused();
    await page.keyboard.press("Escape");
    await expect(page.getByRole("dialog")).toHaveCount(0);
  }
});
