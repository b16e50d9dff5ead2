import { expect, main, settled, shot, test, type Page } from "../page";

const row = (page: Page, name: RegExp) => page.getByRole("tree", { name: "Spans of the trace" }).getByRole("treeitem", { name });

// From "is anything wrong?" to the query that is, by clicks alone, and back.
test("from the start page to the query that has become slow", async ({ page }) => {
  await page.goto(main.url);
  await page.getByRole("region", { name: "What changed" }).getByRole("link", { name: /inventory/ }).click();
  await expect(page).toHaveURL(/inventory/);
  await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: "Services" }).click();
  await page.getByRole("table").getByRole("link", { name: "inventory", exact: true }).click();
  await page.getByRole("link", { name: "GET /stock/{sku}" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toContainText("GET /stock/{sku}");
  await expect(page.getByRole("heading", { name: "Slow against normal" })).toBeVisible();
  await page.getByRole("link", { name: /in GET \/products\/\{id\}/ }).first().click();

  await expect(page).toHaveURL(/\/trace\//);
  await expect(row(page, /^inventory GET \/stock\/\{sku\}/)).toHaveAttribute("aria-selected", "true");
  await row(page, /^inventory SELECT stock/).click();
  const details = page.getByRole("complementary", { name: "Details" });
  await expect(details).toContainText("stock_movement");
  await details.getByRole("link", { name: "Slower ones" }).click();
  await expect(page.getByRole("combobox", { name: "Query" })).toHaveValue(/service = inventory and name = "SELECT stock".* duration >/);
  await settled(page);
  for (let i = 0; i < 4; i++) await page.goBack();
  await expect(page).toHaveURL(new RegExp(`^${main.url}(\\?|$)`));
});

// examples/shop knows nothing of tracing; what is shown comes from weaving alone.
test("an order of the woven shop, through three services", async ({ page }) => {
  await page.goto(main.url + "search?q=" + encodeURIComponent(`service = gateway and name = "POST /orders"`) + "&order=slowest");
  await page.getByRole("table").last().getByRole("row").nth(1).getByRole("link").first().click();
  await expect(page.getByRole("heading", { level: 1 })).toContainText("POST /orders");
  await expect(row(page, /^gateway POST \/orders/).first()).toBeVisible();
  const services = page.getByRole("group", { name: /Services/ });
  for (const name of ["gateway", "pricing", "orders"]) await expect(services.getByRole("button", { name: new RegExp(`^${name}`) })).toBeVisible();
  const find = page.getByRole("textbox", { name: "Find in this trace" });
  await find.fill("INSERT customer_order");
  await find.press("Enter");
  await expect(row(page, /^orders INSERT customer_order/).first()).toHaveAttribute("aria-selected", "true");
  // The elements of rows follow when the scrolling has come to rest: until then a click may meet a neighbour.
  await expect(async () => {
    await row(page, /^orders INSERT customer_order/).first().click();
    await expect(page.getByRole("complementary", { name: "Details" })).toContainText(/INSERT\s+INTO\s+customer_order/, { timeout: 2000 });
  }).toPass();
  await shot(page, "shop-order");
});
