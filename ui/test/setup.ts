import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { promisify } from "node:util";
import { root, Server, Shop, type Ids } from "./serve";

const run = promisify(execFile);

async function files(dir: string): Promise<string[]> {
  const all = await readdir(dir, { recursive: true, withFileTypes: true });
  return all.filter((e) => e.isFile()).map((e) => relative(dir, join(e.parentPath, e.name)));
}

/**
 * Builds weft with the page as its source is now: the go command takes the files of a build beside ui/dist for those in it.
 * WEFT=path names a binary to take instead.
 */
async function buildWeft(to: string): Promise<void> {
  if (process.env.WEFT) {
    await run("cp", [process.env.WEFT, join(to, "weft")]);
    return;
  }
  const dist = join(to, "dist");
  await run("npx", ["vite", "build", "--outDir", dist, "--emptyOutDir", "--logLevel", "error"], { cwd: join(root, "ui") });
  const replace: Record<string, string> = {};
  for (const f of await files(join(root, "ui/dist"))) replace[join(root, "ui/dist", f)] = "";
  for (const f of await files(dist)) replace[join(root, "ui/dist", f)] = join(dist, f);
  await writeFile(join(to, "overlay.json"), JSON.stringify({ Replace: replace }));
  await run("go", ["build", "-overlay", join(to, "overlay.json"), "-o", join(to, "weft"), "./cmd/weft"], { cwd: root });
}

async function build(to: string): Promise<void> {
  await buildWeft(to);
  await run("go", ["build", "-o", join(to, "data"), "./ui/test/data"], { cwd: root });
  const shop = { cwd: join(root, "examples/shop") };
  await run(join(to, "weft"), ["go", "build", "-o", to + "/", "./cmd/gateway", "./cmd/pricing", "./cmd/orders"], shop);
  await run("go", ["build", "-o", to + "/", "./cmd/load"], shop);
}

/** Builds everything, and starts the server that most specs look at: the shop under load, the system, and the edge cases. */
export default async function setup(): Promise<() => Promise<void>> {
  const to = await mkdtemp(join(tmpdir(), "weft-ui-built-"));
  process.env.WEFT_BUILT = to;
  const stop: (() => Promise<void>)[] = [() => rm(to, { recursive: true })];
  const teardown = async () => {
    for (const s of stop.reverse()) await s();
  };
  try {
    await build(to);
    const server = await Server.start();
    stop.push(() => server.stop());
    const shop = await Shop.start(server);
    stop.push(() => shop.stop());
    await shop.load(300);
    const ids: Ids = {
      ...(await server.send("-sets", "system", "-history", "125m", "-rate", "0.6")),
      ...(await server.send("-sets", "special,large", "-ago", "3h")),
    };
    process.env.WEFT_MAIN = JSON.stringify({ url: server.url, otlp: server.otlp, ids });
    await mkdir(join(root, "ui/test/screenshots"), { recursive: true });
    return teardown;
  } catch (e) {
    await teardown();
    throw e;
  }
}
