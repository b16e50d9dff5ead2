import { expect, main, settled, shot, test, type Page } from "../page";

const tree = (page: Page) => page.getByRole("tree", { name: "Spans of the trace" });
const row = (page: Page, name: RegExp) => tree(page).getByRole("treeitem", { name });
const details = (page: Page) => page.getByRole("complementary", { name: "Details" });
const open = (page: Page, name: string, more = "") => page.goto(`${main.url}trace/${main.ids[name]}${more}`);

test("a trace is read from the top to the span that took the time", async ({ page }) => {
  await open(page, "checkout");
  await expect(page.getByRole("heading", { level: 1 })).toContainText("POST /checkout");
  await expect(row(page, /^web POST \/checkout/)).toBeVisible();
  await shot(page, "trace");
  await row(page, /^inventory SELECT stock/).click();
  await expect(page).toHaveURL(/span=[0-9a-f]{16}/);
  await expect(details(page)).toContainText("SELECT stock");
  await expect(details(page)).toContainText(/FROM\s+stock_movement/i);
  await expect(details(page)).toContainText("2.4.0");
  await shot(page, "trace-span");

  await page.reload();
  await expect(row(page, /^inventory SELECT stock/)).toHaveAttribute("aria-selected", "true");
  await expect(details(page)).toContainText(/FROM\s+stock_movement/i);
});

test("subtrees are closed and opened", async ({ page }) => {
  await open(page, "checkout");
  const edge = row(page, /^edge POST \/v1\/orders/);
  await expect(row(page, /^checkout POST \/orders/)).toBeVisible();
  await edge.click();
  await page.keyboard.press("ArrowLeft");
  await expect(edge).toHaveAttribute("aria-expanded", "false");
  await expect(row(page, /^checkout POST \/orders/)).toHaveCount(0);
  await expect(row(page, /^web POST \/checkout/)).toBeVisible();
  await shot(page, "trace-collapsed");
  await page.keyboard.press("ArrowRight");
  await expect(row(page, /^checkout POST \/orders/)).toBeVisible();

  await page.getByRole("button", { name: "Fold" }).click();
  await page.getByRole("button", { name: "Close all" }).click();
  await expect(tree(page).getByRole("treeitem")).toHaveCount(1);
  await page.getByRole("button", { name: "Fold" }).click();
  await page.getByRole("button", { name: "Open to level 3" }).click();
  await expect(row(page, /^edge POST \/v1\/orders/)).toBeVisible();
  await expect(row(page, /^checkout POST \/orders/)).toHaveCount(0);
});

test("words and queries are found within a trace", async ({ page }) => {
  await open(page, "checkout");
  await expect(row(page, /^web POST \/checkout/)).toBeVisible();
  await page.keyboard.press("f");
  const find = page.getByRole("textbox", { name: "Find in this trace" });
  await expect(find).toBeFocused();
  await page.keyboard.type("COMMIT");
  const hits = page.getByRole("search").getByRole("status");
  await expect(hits).toHaveText("1");
  await page.keyboard.press("Enter");
  await expect(hits).toHaveText("1 of 1");
  await expect(row(page, /^inventory COMMIT/)).toHaveAttribute("aria-selected", "true");
  await find.fill("duration > 80ms and service in (inventory, payments)");
  await expect(hits).toHaveText(/4$/);
  await page.getByRole("button", { name: "Next hit" }).click();
  await expect(hits).toHaveText(/^\d of 4$/);
  await expect(page).toHaveURL(/find=/);
  await shot(page, "trace-find");
  await page.reload();
  await expect(find).toHaveValue("duration > 80ms and service in (inventory, payments)");
  await find.fill("nowhere");
  await expect(hits).toHaveText("None");
});

test("the critical path says what the end waited for", async ({ page }) => {
  await open(page, "parallel");
  await page.getByRole("toolbar").getByRole("button", { name: "Critical path" }).click();
  await expect(page.getByRole("dialog", { name: "Critical path" })).toBeVisible();
  await shot(page, "trace-critical-path");
  await page.keyboard.press("Escape");
  // Of five calls side by side the slowest is on it, the others are not.
  await page.getByRole("button", { name: "Fold" }).click();
  await page.getByRole("button", { name: "Open to level 2" }).click();
  await expect(tree(page).getByRole("treeitem")).toHaveCount(12);
  const calls = await tree(page).getByRole("treeitem", { name: /^gateway GET, / }).evaluateAll((all) => all.map((a) => a.getAttribute("aria-label")!));
  expect(calls.filter((c) => c.includes("on the critical path")).length).toBe(2);
  expect(calls.length).toBe(10);
});

test("the flame graph and the table show the same trace", async ({ page }) => {
  await open(page, "checkout");
  const view = page.getByRole("group", { name: "View" });
  await view.getByRole("button", { name: "Flame graph" }).click();
  await expect(page).toHaveURL(/view=flame/);
  await settled(page);
  await shot(page, "trace-flame");
  await view.getByRole("button", { name: "Table" }).click();
  await expect(page).toHaveURL(/view=table/);
  await expect(page.getByRole("main").getByText("SELECT stock").first()).toBeVisible();
  await shot(page, "trace-table");
  await page.reload();
  await expect(view.getByRole("button", { name: "Table" })).toHaveAttribute("aria-pressed", "true");
  await page.goBack();
  await expect(view.getByRole("button", { name: "Flame graph" })).toHaveAttribute("aria-pressed", "true");
});

test("errors: found by key, with their exceptions and stack traces", async ({ page }) => {
  await open(page, "errors");
  await expect(row(page, /^gateway POST \/orders.*error/)).toBeVisible();
  await shot(page, "trace-errors");
  await row(page, /^gateway POST \/orders/).click();
  await page.keyboard.press("e");
  await page.keyboard.press("e");
  await expect(row(page, /^orders POST \/orders/)).toHaveAttribute("aria-selected", "true");
  await expect(details(page)).toContainText("invalid memory address or nil pointer dereference");
  await expect(details(page)).toContainText("/src/orders/basket.go:71");
  await shot(page, "trace-errors-details");
});

test("a trace by keyboard alone", async ({ page }) => {
  await open(page, "checkout");
  await expect(row(page, /^web POST \/checkout/)).toBeVisible();
  for (let i = 0; i < 60 && !(await tree(page).evaluate((t) => t.contains(document.activeElement))); i++) await page.keyboard.press("Tab");
  await page.keyboard.press("Home");
  for (let i = 0; i < 3; i++) await page.keyboard.press("ArrowDown");
  await expect(row(page, /^edge store\.Accounts\/Session/)).toHaveAttribute("aria-selected", "true");
  await page.keyboard.press("ArrowLeft");
  await expect(row(page, /^edge store\.Accounts\/Session/)).toHaveAttribute("aria-expanded", "false");
  await page.keyboard.press("ArrowDown");
  await expect(row(page, /^edge POST, /)).toHaveAttribute("aria-selected", "true");
  await page.keyboard.press("End");
  await expect(row(page, /^shipping INSERT parcel/)).toHaveAttribute("aria-selected", "true");
  await page.keyboard.press("Enter");
  await expect(details(page)).toContainText("INSERT parcel");
  await page.keyboard.press("2");
  await expect(page).toHaveURL(/view=flame/);
  await page.keyboard.press("3");
  await expect(page).toHaveURL(/view=table/);
  await page.keyboard.press("1");
  await expect(tree(page)).toBeVisible();
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog", { name: "Keyboard shortcuts" })).toContainText("Next error");
});

test("links lead to the other trace, logs stand beside their span", async ({ page, watch }) => {
  watch.expects(/404 \(Not Found\)/); // one of the linked traces never arrived
  await open(page, "links");
  await row(page, /^collector process events/).click();
  await shot(page, "trace-links");
  await details(page).locator(`a[href*="${main.ids["linked-1"]}"]`).first().click();
  await expect(page).toHaveURL(new RegExp(main.ids["linked-1"]));
  await expect(page.getByRole("heading", { level: 1 })).toContainText("POST /events 1");

  await open(page, "logs");
  await row(page, /^orders INSERT order/).click();
  await expect(details(page)).toContainText("slow query: INSERT order took 28 ms");
  await shot(page, "trace-logs");
});

test("clocks that differ, parents that are missing, spans that take no time", async ({ page }) => {
  await open(page, "skew");
  const served = row(page, /^inventory GET \/stock\/\{sku\}.*its clock was put right/);
  await expect(served).toHaveAccessibleName(/at 8\.00 ms/); // in the middle of its caller, and not after 4.2 s
  await served.click();
  await expect(details(page)).toContainText(/4\.2\d* s ahead/);
  await shot(page, "trace-skew");

  await open(page, "orphans");
  await expect(row(page, /^orders POST \/orders.*its parent is missing/)).toBeVisible();
  await expect(page.getByText("2 spans have parents that never arrived")).toBeVisible();
  await shot(page, "trace-orphans");

  await open(page, "zero");
  await expect(row(page, /^cart not even here, 0/)).toBeVisible();
  await shot(page, "trace-zero");
  await open(page, "instant");
  await expect(row(page, /^scheduler tick, 0/)).toBeVisible();
  await shot(page, "trace-instant");
  await open(page, "one");
  await expect(tree(page).getByRole("treeitem")).toHaveCount(1);
  await shot(page, "trace-one");
});

test("forty levels, thirty roots, names without an end", async ({ page }) => {
  await open(page, "deep");
  await row(page, /^gateway level 1,/).click();
  await page.keyboard.press("End");
  await expect(row(page, /^gateway level 40,|^catalog level 40,|^pricing level 40,|^inventory level 40,/)).toHaveAttribute("aria-selected", "true");
  await shot(page, "trace-deep");
  await open(page, "roots");
  await expect(tree(page).getByRole("treeitem", { name: /job 1,/ })).toHaveAttribute("aria-level", "1");
  await shot(page, "trace-roots");
  await open(page, "names");
  await expect(row(page, /订单服务 查询订单/)).toBeVisible();
  await row(page, /^reports SELECT everything/).click();
  await expect(details(page)).toContainText("the one who pays");
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(1280);
  await shot(page, "trace-names");
  await open(page, "async");
  await expect(row(page, /^importer process imports, 2\.60 s/)).toBeVisible();
  await shot(page, "trace-async");
});

test("a trace of 100,000 spans opens, scrolls to its end, and is searched", async ({ page }) => {
  await open(page, "wide");
  await row(page, /^batch rebuild everything/).click();
  await shot(page, "trace-wide");
  await page.keyboard.press("End");
  await expect(tree(page).getByRole("treeitem", { selected: true })).toBeVisible();
  await page.getByRole("textbox", { name: "Find in this trace" }).fill("status = error");
  await expect(page.getByRole("search").getByRole("status").last()).toHaveText(/4\d$/);
  await open(page, "loop");
  await expect(row(page, /^reports load lines.*5,000 spans below/)).toBeVisible();
  await shot(page, "trace-loop");
});

test("a trace that is not there says why, and comes when it arrives", async ({ page, watch }) => {
  watch.expects(/404 \(Not Found\)/);
  await page.goto(main.url + "trace/00000000000000000000000000000bad");
  await expect(page.getByText("This trace is not here")).toBeVisible();
  await shot(page, "trace-missing");
});

test("a trace on a telephone", async ({ page }) => {
  await page.setViewportSize({ width: 375, height: 740 });
  await open(page, "checkout");
  await expect(row(page, /^web POST \/checkout/)).toBeVisible();
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(375);
  await shot(page, "trace-375");
  await row(page, /^checkout POST \/orders/).click();
  await page.keyboard.press("Enter");
  await expect(details(page)).toContainText("POST /orders");
  await shot(page, "trace-375-details");
});
