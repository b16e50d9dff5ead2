import { createServer, request, type Server as HTTPServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, shot, test, type Page } from "../page";
import { Server, type Ids } from "../serve";

// Every page shows what is in the store, loaded anew and reached by links within the page.
async function wholeWay(page: Page, url: string, ids: Ids): Promise<void> {
  for (const path of ["", "search", "map", "compare", "service?name=inventory", `trace/${ids.checkout}`]) {
    await page.goto(url + path);
    await expect(page.getByRole("heading", { level: 1 }).first()).toBeVisible();
  }
  await expect(page.getByText("POST /checkout").first()).toBeVisible();
  const nav = page.getByRole("navigation", { name: "Pages" });
  await nav.getByRole("link", { name: "Map" }).click();
  await expect(page).toHaveURL(new RegExp(`^${url}map`));
  await nav.getByRole("link", { name: "Services" }).click();
  await expect(page).toHaveURL(new RegExp(`^${url}(\\?|$)`));
  await page.getByRole("main").getByRole("link", { name: "inventory", exact: true }).first().click();
  await expect(page).toHaveURL(new RegExp(`^${url}service\\?.*name=inventory`));
  await page.reload();
  await expect(page.getByRole("heading", { name: /inventory/ }).first()).toBeVisible();
  await page.goBack();
  await expect(page).toHaveURL(new RegExp(`^${url}(\\?|$)`));
}

test.describe("behind a reverse proxy", () => {
  test("that does not cut off the prefix", async ({ page }) => {
    const server = await Server.start({ args: ["--path_prefix", "/tools/weft"], prefix: "/tools/weft" });
    try {
      await wholeWay(page, server.url, await server.send("-history", "10m"));
    } finally {
      await page.close();
      await server.stop();
    }
  });

  test("that cuts it off", async ({ page }) => {
    const server = await Server.start();
    const proxy = await strippingProxy("/deep/down/weft", server.url);
    try {
      const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}/deep/down/weft/`;
      await wholeWay(page, url, await server.send("-history", "10m"));
    } finally {
      await page.close();
      proxy.close();
      proxy.closeAllConnections();
      await server.stop();
    }
  });
});

/** Answers 404 for all that is not below the prefix, so that a path from the root of the host is noticed. */
async function strippingProxy(prefix: string, to: string): Promise<HTTPServer> {
  const proxy = createServer((req, res) => {
    if (!req.url!.startsWith(prefix + "/")) {
      res.writeHead(404).end("not below the prefix");
      return;
    }
    const onward = request(new URL("." + req.url!.slice(prefix.length), to), { method: req.method, headers: { ...req.headers, host: new URL(to).host } }, (answer) => {
      res.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(res);
    });
    onward.on("error", () => res.destroy());
    req.pipe(onward);
  });
  await new Promise<void>((done) => proxy.listen(0, "127.0.0.1", done));
  return proxy;
}

test("a server with tokens asks for one, lets in, and lets out", async ({ page, watch }) => {
  watch.expects(/401 \(Unauthorized\)/, /403 \(Forbidden\)/);
  const tokens = `[{name: reader, token: read-0123456789abcdef, scopes: [read]}, {name: sender, token: write-0123456789abcdef, scopes: [write]}]`;
  const server = await Server.start({ args: ["--auth.tokens", tokens] });
  try {
    const ids = await server.send("-token", "write-0123456789abcdef", "-history", "10m");
    await page.goto(`${server.url}trace/${ids.checkout}?view=table`);
    await expect(page).toHaveURL(/\/login\?next=/);
    const token = page.getByLabel("Token");
    await expect(token).toBeFocused();
    await shot(page, "login");

    await token.fill("not-a-token-at-all");
    await page.getByRole("button", { name: "Log in" }).click();
    await expect(page.getByRole("alert")).toContainText("does not know this token");
    await page.getByLabel("Token").fill("write-0123456789abcdef");
    await page.keyboard.press("Enter");
    await expect(page.getByRole("alert")).toContainText("“sender” may not read");
    await shot(page, "login-refused");

    await page.getByLabel("Token").fill("read-0123456789abcdef");
    await page.keyboard.press("Enter");
    await expect(page).toHaveURL(`${server.url}trace/${ids.checkout}?view=table`);
    await expect(page.getByText("POST /checkout").first()).toBeVisible();
    expect(await page.evaluate(() => document.cookie)).toBe("");

    // A session that ends while the page is open.
    await page.context().clearCookies();
    await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: "Services" }).click();
    await expect(page).toHaveURL(/\/login\?next=/);
    await page.getByLabel("Token").fill("read-0123456789abcdef");
    await page.keyboard.press("Enter");
    await expect(page.getByRole("main").getByRole("link", { name: "inventory", exact: true }).first()).toBeVisible();

    await page.getByRole("button", { name: "Settings" }).click();
    await page.getByRole("button", { name: "Log out" }).click();
    await expect(page).toHaveURL(/\/login/);
    await page.goto(server.url);
    await expect(page.getByLabel("Token")).toBeVisible();
  } finally {
    await page.close();
    await server.stop();
  }
});
