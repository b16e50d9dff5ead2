import { expect, main, settled, shot, test } from "../page";

test("two traces are compared, operation by operation and span by span", async ({ page }) => {
  await page.goto(`${main.url}compare?a=${main.ids["checkout-before"]}&b=${main.ids.checkout}`);
  await expect(page.getByRole("heading", { name: /B took \d+ ms longer/ })).toBeVisible();
  // The query that has become slow comes first.
  await expect(page.getByRole("table").getByRole("row").nth(1)).toContainText(/SELECT stock.*\+2\d\d ms/);
  await shot(page, "compare");
  await page.getByRole("group", { name: "View" }).getByRole("button", { name: "Span by span" }).click();
  await expect(page.getByText("POST /reservations").first()).toBeVisible();
  await shot(page, "compare-spans");
  await page.reload();
  await expect(page.getByRole("group", { name: "View" }).getByRole("button", { name: "Span by span" })).toHaveAttribute("aria-pressed", "true");
  await page.getByRole("button", { name: "Swap A and B" }).click();
  await expect(page).toHaveURL(new RegExp(`a=${main.ids.checkout}`));
  await expect(page.getByRole("heading", { name: /B took \d+ ms less|B was \d+ ms|shorter|faster|less/ })).toBeVisible();
});

test("two windows of time are compared", async ({ page }) => {
  await page.goto(main.url + "compare");
  await page.getByRole("group", { name: "What to compare" }).getByRole("button", { name: "Two times" }).click();
  await settled(page);
  await shot(page, "compare-times");
  await page.goto(main.url + "compare?q=" + encodeURIComponent("service = inventory kind = server") + "&from=-10m&from2=-70m&to2=-60m");
  await settled(page);
  await expect(page.getByRole("main")).toContainText("2.4.0");
  await shot(page, "compare-windows");
});

test("comparing on a telephone", async ({ page }) => {
  await page.setViewportSize({ width: 375, height: 740 });
  await page.goto(`${main.url}compare?a=${main.ids["checkout-before"]}&b=${main.ids.checkout}`);
  await expect(page.getByText("SELECT stock").first()).toBeVisible();
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(375);
  await shot(page, "compare-375");
});
