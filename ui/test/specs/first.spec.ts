import { expect, shot, test } from "../page";
import { Server, Shop } from "../serve";

test("from nothing to the first trace, live", async ({ page }) => {
  test.slow(); // it starts a server and three services
  const server = await Server.start();
  let shop: Shop | undefined;
  try {
    await page.goto(server.url);
    await expect(page.getByRole("heading", { name: "Waiting for the first trace" })).toBeVisible();
    // What it tells to run names this server.
    await expect(page.getByText("weft go build").first()).toBeVisible();
    await expect(page.getByText(server.otlp).first()).toBeVisible();
    await shot(page, "empty");
    await page.evaluate(() => ((window as any).notLoadedAnew = true));

    for (const [path, title] of [["search", "Search"], ["map", "Map"]]) {
      await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: title }).click();
      await expect(page).toHaveURL(new RegExp("/" + path));
      await expect(page.getByRole("heading", { level: 1 }).first()).toBeVisible();
      await shot(page, "empty-" + path);
    }
    await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: "Services" }).click();
    await expect(page.getByRole("heading", { name: "Waiting for the first trace" })).toBeVisible();

    // Nobody touches the page from here on.
    shop = await Shop.start(server);
    await shop.load(20);
    const services = page.getByRole("table");
    for (const name of ["gateway", "pricing", "orders"]) await expect(services.getByRole("link", { name })).toBeVisible();
    const live = page.getByRole("button", { name: "Live" });
    await expect(live).toHaveAttribute("aria-pressed", "true");
    const rate = services.getByRole("row", { name: /gateway/ }).getByRole("cell").first();
    const before = await rate.textContent();
    await shop.load(200);
    await expect(rate).not.toHaveText(before!);
    expect(await page.evaluate(() => (window as any).notLoadedAnew)).toBe(true);
    await shot(page, "first");

    await services.getByRole("link", { name: "orders" }).click();
    await expect(page).toHaveURL(/\/service\?.*name=orders/);
  } finally {
    await page.close();
    await shop?.stop();
    await server.stop();
  }
});

test("a program of any language is told where to send", async ({ page, context }) => {
  const server = await Server.start();
  try {
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    await page.goto(server.url);
    await page.getByRole("button", { name: "Copy: variables" }).click();
    const field = page.getByRole("textbox", { name: "Open a trace by its ID" });
    await field.focus();
    await page.keyboard.press("Control+V");
    await expect(field).toHaveValue(new RegExp(`OTEL_EXPORTER_OTLP_ENDPOINT=${server.otlp}`));
    await server.send("-traces", "one");
    await expect(page.getByRole("link", { name: "gateway" })).toBeVisible();
  } finally {
    await page.close();
    await server.stop();
  }
});
