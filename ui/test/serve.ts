import { execFile, spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** The root of the checkout. */
export const root = join(dirname(fileURLToPath(import.meta.url)), "../..");

/** What setup.ts built. */
export const built = (name: string): string => join(process.env.WEFT_BUILT!, name);

const run = promisify(execFile);

/** Addresses on which nothing listened a moment ago. */
async function addresses(n: number): Promise<string[]> {
  const servers = Array.from({ length: n }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((s) => new Promise((done) => s.once("listening", done))));
  const out = servers.map((s) => `127.0.0.1:${(s.address() as AddressInfo).port}`);
  await Promise.all(servers.map((s) => new Promise((done) => s.close(done))));
  return out;
}

/** Runs what is to go on until it is killed. */
class Process {
  said = "";
  readonly ended: Promise<void>;

  constructor(
    readonly child: ChildProcess,
    readonly name: string,
  ) {
    for (const stream of [child.stdout!, child.stderr!]) stream.on("data", (d) => (this.said = (this.said + d).slice(-20_000)));
    this.ended = new Promise((done) => child.once("exit", () => done()));
  }

  /** Waits until something holds, looking every 50 ms, for half a minute. */
  async until<T>(holds: () => T | Promise<T>): Promise<T> {
    for (const end = Date.now() + 30_000; ; ) {
      const value = await holds();
      if (value) return value;
      if (this.child.exitCode !== null || Date.now() > end) throw new Error(`${this.name} does not start:\n${this.said}`);
      await new Promise((done) => setTimeout(done, 50));
    }
  }

  async stop(): Promise<void> {
    this.child.kill();
    await this.ended;
  }
}

export type Ids = Record<string, string>;

/** A running weft serve, with a store of its own. */
export class Server {
  private constructor(
    readonly url: string, // with a slash at the end
    readonly otlp: string,
    private readonly process: Process,
    private readonly dir: string,
  ) {}

  static async start(o: { args?: string[]; prefix?: string } = {}): Promise<Server> {
    const dir = await mkdtemp(join(tmpdir(), "weft-ui-store-"));
    const [http, otlp] = await addresses(2);
    const args = ["serve", "--store.dir", dir, "--listen.http", http, "--listen.otlp_http", otlp, "--listen.otlp_grpc", "off", "--listen.zipkin", "off", ...(o.args ?? [])];
    const p = new Process(spawn(built("weft"), args, { env: { ...process.env, HOME: dir } }), "weft serve");
    const s = new Server(`http://${http}${o.prefix ?? ""}/`, `http://${otlp}`, p, dir);
    await p.until(() => fetch(s.url + "readyz").then((r) => r.ok, () => false));
    return s;
  }

  /** Sends what ui/test/data makes, and answers with the ids of the traces. */
  async send(...args: string[]): Promise<Ids> {
    const { stdout } = await run(built("data"), ["-endpoint", this.otlp, ...args]);
    return JSON.parse(stdout).traces;
  }

  get said(): string {
    return this.process.said;
  }

  async stop(): Promise<void> {
    await this.process.stop();
    await rm(this.dir, { recursive: true });
  }
}

/** The services of examples/shop, woven, which send their spans to a server. */
export class Shop {
  private constructor(
    private readonly gateway: string,
    private readonly processes: Process[],
    private readonly dir: string,
  ) {}

  static async start(server: Server): Promise<Shop> {
    const dir = await mkdtemp(join(tmpdir(), "weft-ui-shop-"));
    const env = { ...process.env, OTEL_EXPORTER_OTLP_ENDPOINT: server.otlp, OTEL_BSP_SCHEDULE_DELAY: "200" };
    const processes: Process[] = [];
    const start = async (name: string, ...args: string[]) => {
      const p = new Process(spawn(built(name), ["-addr", "127.0.0.1:0", ...args], { cwd: dir, env }), name);
      processes.push(p);
      return "http://" + (await p.until(() => /listening.*?(127\.0\.0\.1:\d+)/.exec(p.said)))![1];
    };
    const pricing = await start("pricing", "-db", "pricing.db");
    const orders = await start("orders", "-db", "orders.db");
    const gateway = await start("gateway", "-pricing", pricing, "-orders", orders);
    return new Shop(gateway, processes, dir);
  }

  /** Sends so many customers. */
  async load(requests: number): Promise<void> {
    await run(built("load"), ["-gateway", this.gateway, "-n", String(requests)]);
  }

  async stop(): Promise<void> {
    for (const p of this.processes) await p.stop();
    await rm(this.dir, { recursive: true });
  }
}
