import { expect, main, settled, shot, test } from "../page";

// What is asked of every page, whatever it shows.
const pages = ["", "search", "map", "compare", "service?name=web", `trace/${main.ids?.checkout}`];

test.describe("around every page", () => {
  test("language, theme and time zone can be changed, and stay", async ({ page }) => {
    await page.goto(main.url);
    await expect(page.locator("html")).toHaveAttribute("lang", "en");
    await page.getByRole("button", { name: "Settings" }).click();
    await page.getByRole("button", { name: "中文" }).click();
    await expect(page.getByRole("link", { name: "服务", exact: true })).toBeVisible();
    await expect(page.locator("html")).toHaveAttribute("lang", "zh-CN");
    await page.getByRole("button", { name: "深色" }).click();
    await expect(page.locator("html")).toHaveAttribute("data-theme", "dark");
    await page.reload();
    await expect(page.locator("html")).toHaveAttribute("lang", "zh-CN");
    await expect(page.locator("html")).toHaveAttribute("data-theme", "dark");
    await shot(page, "shell-zh-dark");
  });

  test("a browser that speaks Chinese and likes it dark gets both", async ({ browser }) => {
    const context = await browser.newContext({ locale: "zh-CN", colorScheme: "dark" });
    const page = await context.newPage();
    await page.goto(main.url);
    await expect(page.getByRole("link", { name: "服务", exact: true })).toBeVisible();
    await expect(page.locator("html")).toHaveAttribute("data-theme", "dark");
    await context.close();
  });

  test("keys go from page to page", async ({ page }) => {
    await page.goto(main.url);
    await expect(page.getByRole("navigation", { name: "Pages" })).toBeVisible();
    await page.keyboard.press("g");
    await page.keyboard.press("m");
    await expect(page).toHaveURL(/\/map/);
    await page.keyboard.press("g");
    await page.keyboard.press("o");
    await expect(page).toHaveURL(new RegExp(`^${main.url}(\\?|$)`));
    await page.keyboard.press("?");
    await expect(page.getByRole("dialog", { name: "Keyboard shortcuts" })).toBeVisible();
    await shot(page, "shell-keys");
    await page.keyboard.press("Escape");
    await expect(page.getByRole("dialog")).toHaveCount(0);
    await page.keyboard.press("g");
    await page.keyboard.press("s");
    await expect(page).toHaveURL(/\/search/);
    await expect(page.getByRole("heading", { name: "Results" })).toBeVisible();
    await page.keyboard.press("/");
    await expect(page.getByRole("combobox", { name: "Query" })).toBeFocused();
  });

  test("a trace opens by its id", async ({ page }) => {
    await page.goto(main.url);
    const field = page.getByRole("textbox", { name: "Open a trace by its ID" });
    await field.fill("no id at all");
    await field.press("Enter");
    await expect(page).toHaveURL(new RegExp(`^${main.url}(\\?|$)`));
    await field.fill(" " + main.ids.checkout.toUpperCase() + "\n");
    await field.press("Enter");
    await expect(page).toHaveURL(main.url + "trace/" + main.ids.checkout);
  });

  test("what is not there says so", async ({ page, watch }) => {
    watch.expects(/404/);
    const answer = await page.goto(main.url + "no/such/page");
    expect(answer!.status()).toBe(404);
    await expect(page.getByText("There is no such page")).toBeVisible();
    await page.getByRole("link", { name: "To the services" }).click();
    await expect(page).toHaveURL(new RegExp(`^${main.url}(\\?|$)`));
  });

  for (const path of pages) {
    test(`the policy is strict and nothing is asked of others: /${path.replace(/[0-9a-f]{32}/, "{id}")}`, async ({ page, watch }) => {
      const answer = await page.goto(main.url + path);
      const policy = answer!.headers()["content-security-policy"];
      expect(policy).toContain("default-src 'none'");
      expect(policy).not.toContain("unsafe");
      await expect(page.getByRole("heading", { level: 1 }).first()).toBeVisible();
      await settled(page);
      // What the policy is for: an attempt that it must stop is seen by the test.
      await page.evaluate(() => {
        const img = document.createElement("img");
        img.src = "https://127.0.0.2/pixel.png";
        document.body.append(img);
      });
      await expect.poll(() => watch.problems.filter((p) => p.startsWith("policy: img-src")).length).toBe(1);
      watch.problems = watch.problems.filter((p) => !p.includes("127.0.0.2"));
    });
  }
});
