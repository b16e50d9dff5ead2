import { api, expect, main, shot, test } from "../page";

interface Services {
  services: { name: string; now: { count: number; errors: number; p99: number } }[];
}

test("the start page lists every service, and says what changed", async ({ page }) => {
  await page.goto(main.url);
  const { services } = await api<Services>("services?from=-1h");
  const table = page.getByRole("table");
  await expect(table.getByRole("row")).toHaveCount(services.length + 1);
  // The slow version of inventory.
  const changed = page.getByRole("region", { name: "What changed" });
  const inventory = changed.getByRole("link", { name: /inventory.*p\d\d/ });
  await expect(inventory).toBeVisible();
  await shot(page, "overview");
  await inventory.click();
  await expect(page).toHaveURL(/\/(search|service)\?.*inventory/);
});

test("the start page sorts and filters, and the address keeps it", async ({ page }) => {
  await page.goto(main.url);
  const names = () => page.getByRole("table").getByRole("rowheader").allTextContents();
  await page.getByRole("button", { name: "p99" }).click();
  await expect(page.getByRole("columnheader", { name: "p99" })).toHaveAttribute("aria-sort", "descending");
  const { services } = await api<Services>("services?from=-1h");
  const slowest = services.filter((s) => s.now.count > 0).sort((a, b) => b.now.p99 - a.now.p99)[0];
  expect((await names())[0]).toContain(slowest.name);
  await page.reload();
  await expect(page.getByRole("columnheader", { name: "p99" })).toHaveAttribute("aria-sort", "descending");

  await page.keyboard.press("/");
  await page.keyboard.type("PAY");
  await expect.poll(names).toEqual([expect.stringContaining("payments")]);
  await expect(page).toHaveURL(/filter=PAY/);
  await page.getByRole("searchbox", { name: "Filter services" }).fill("nobody is called so");
  await expect(page.getByText("No service has “nobody is called so” in its name")).toBeVisible();
  await page.getByRole("button", { name: "Show all" }).click();
  await expect.poll(async () => (await names()).length).toBe(services.length);
});

test("the start page of a time without data says where there is some", async ({ page }) => {
  await page.goto(main.url + "?from=1000000000000&to=1000003600000");
  await expect(page.getByText("No calls in this time range")).toBeVisible();
  await page.getByRole("button", { name: "Show that time" }).click();
  await expect(page.getByRole("table").getByRole("link", { name: "inventory" })).toBeVisible();
});

test("a time range can be chosen, stepped through, and sent to somebody", async ({ page }) => {
  await page.goto(main.url);
  await page.getByRole("button", { name: /Time range/ }).click();
  await page.getByRole("button", { name: "Last 15 minutes" }).click();
  await expect(page).toHaveURL(/from=-15m/);
  await page.getByRole("button", { name: "Earlier" }).click();
  await expect(page).toHaveURL(/from=\d{13}&to=\d{13}/);
  const url = new URL(page.url());
  expect(Number(url.searchParams.get("to")) - Number(url.searchParams.get("from"))).toBe(15 * 60_000);
  // The range goes along from page to page.
  await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: "Map" }).click();
  await expect(page).toHaveURL(new RegExp(`from=${url.searchParams.get("from")}`));
  await page.reload();
  await expect(page.getByRole("button", { name: /Time range/ })).toContainText("–");

  // Times stand in the browser's zone, or in UTC.
  await page.goto(main.url + "?from=1763800000000&to=1763803600000");
  const range = page.getByRole("button", { name: /Time range/ });
  const local = await range.textContent();
  await page.getByRole("button", { name: "Settings" }).click();
  await page.getByRole("button", { name: "UTC" }).click();
  await expect(range).not.toHaveText(local!);
  await expect(range).toContainText("08:26");
});

test("the start page on a telephone and on a wide screen", async ({ page }) => {
  for (const width of [375, 768, 1920]) {
    await page.setViewportSize({ width, height: 900 });
    await page.goto(main.url);
    await expect(page.getByRole("table").getByRole("link", { name: "inventory" })).toBeVisible();
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
    await shot(page, `overview-${width}`);
  }
});
