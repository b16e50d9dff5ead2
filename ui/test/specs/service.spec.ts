import { expect, main, settled, shot, test } from "../page";

test("a service: its numbers, its operations, its neighbours", async ({ page }) => {
  await page.goto(main.url + "service?name=inventory");
  await expect(page.getByRole("heading", { level: 1, name: "inventory" })).toBeVisible();
  const operations = page.getByRole("table").filter({ has: page.getByRole("button", { name: "Share of time" }) });
  await expect(operations.getByRole("link", { name: "GET /stock/{sku}" })).toBeVisible();
  await expect(page.getByRole("main")).toContainText(/p99/);
  await settled(page);
  await shot(page, "service");
  await page.getByRole("group", { name: "Which operations" }).getByRole("button", { name: "Its calls" }).click();
  await expect(operations.getByText("SELECT stock")).toBeVisible();
  await expect(page).toHaveURL(/ops=/);
  await page.reload();
  await expect(operations.getByText("SELECT stock")).toBeVisible();
  await page.goBack();
  await page.goto(main.url + "service?name=inventory");
  await operations.getByRole("link", { name: "GET /stock/{sku}" }).click();
  await expect(page).toHaveURL(/operation=GET/);
});

test("a route: its latency over time, exemplars, slow against normal", async ({ page }) => {
  await page.goto(main.url + "service?name=inventory&operation=" + encodeURIComponent("GET /stock/{sku}") + "&kind=server&from=-20m");
  await expect(page.getByRole("heading", { level: 1 })).toContainText("GET /stock/{sku}");
  await expect(page.getByRole("application", { name: /by time and duration/ })).toHaveAccessibleName(/[1-9][\d,]* spans/);
  // What the slow calls have and the others have not.
  const version = page.getByRole("listitem").filter({ has: page.getByRole("link", { name: "2.4.0", exact: true }) });
  await expect(version.getByRole("img")).toHaveAccessibleName(/^(9\d|100)% here/);
  await settled(page);
  await shot(page, "route");
  await page.getByRole("heading", { name: "Slow against normal" }).scrollIntoViewIfNeeded();
  await shot(page, "route-slow");
  const exemplar = page.getByRole("table").filter({ has: page.getByRole("columnheader", { name: "Spans" }) }).first().getByRole("link").first();
  await exemplar.click();
  await expect(page).toHaveURL(/\/trace\/[0-9a-f]{32}\?.*span=/);
});

test("a service that is not there, and pages on a telephone", async ({ page }) => {
  await page.goto(main.url + "service?name=nobody");
  await settled(page);
  await expect(page.getByRole("heading", { level: 1 })).toContainText("nobody");
  await shot(page, "service-nobody");
  await page.setViewportSize({ width: 375, height: 740 });
  await page.goto(main.url + "service?name=checkout");
  await settled(page);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(375);
  await shot(page, "service-375");
});
