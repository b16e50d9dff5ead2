import { api, expect, main, shot, test } from "../page";

interface Graph {
  edges: { from: string; to: string }[];
}

test("the map shows who calls whom, and what is behind a node", async ({ page }) => {
  await page.goto(main.url + "map");
  const map = page.getByRole("group", { name: /Service map/ });
  await map.getByRole("button", { name: /^recommend\b/ }).click();
  const side = page.getByRole("complementary", { name: "recommend" });
  await expect(side.getByText("edge", { exact: true }).first()).toBeVisible(); // its caller
  await expect(side.getByText("cache", { exact: true }).first()).toBeVisible(); // what it calls
  await expect(page).toHaveURL(/selected=/);
  await shot(page, "map-selected");

  await page.reload();
  await expect(side).toBeVisible();
  await expect(map.getByRole("button", { name: /^recommend\b/ })).toHaveAttribute("aria-pressed", "true");

  await side.getByRole("link", { name: "Open the service" }).click();
  await expect(page).toHaveURL(/\/service\?.*name=recommend/);
});

test("the map as a table has every connection", async ({ page }) => {
  await page.goto(main.url + "map");
  await page.getByRole("button", { name: "Table" }).click();
  const { edges } = await api<Graph>("graph");
  await expect(page.getByRole("table").getByRole("row")).toHaveCount(edges.length + 1);
  await page.getByRole("button", { name: "Errors" }).click();
  await expect(page.getByRole("columnheader", { name: "Errors" })).toHaveAttribute("aria-sort", "descending");
  await shot(page, "map-table");
});

test("the map by keyboard alone", async ({ page }) => {
  await page.goto(main.url + "map");
  const search = page.getByRole("searchbox", { name: "Find a service" });
  await expect(page.getByRole("group", { name: /Service map/ })).toBeVisible();
  await page.keyboard.press("/");
  await expect(search).toBeFocused();
  await page.keyboard.type("shipp");
  await expect(page).toHaveURL(/find=shipp/);
  const node = page.getByRole("button", { name: /^shipping\b.*service/ });
  for (let i = 0; i < 80 && !(await node.evaluate((n) => n === document.activeElement)); i++) await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("complementary", { name: "shipping" })).toBeVisible();
});

test("the map on a telephone", async ({ page }) => {
  await page.setViewportSize({ width: 375, height: 740 });
  await page.goto(main.url + "map");
  await expect(page.getByRole("button", { name: /^recommend\b/ })).toBeVisible();
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(375);
  await shot(page, "map-375");
});
