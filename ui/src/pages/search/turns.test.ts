import { expect, test } from "vitest";
import { first, inTurn } from "./turns";

const never = new AbortController().signal;

function later<T>() {
  let done!: (v: T) => void;
  const promise = new Promise<T>((r) => (done = r));
  return { promise, done };
}
const settle = async () => {
  for (let i = 0; i < 20; i++) await Promise.resolve();
};

test("what waits for its turn begins after what goes first", async () => {
  const results = later<string>();
  const log: string[] = [];
  const count = inTurn(never, async () => log.push("count"));
  void first(results.promise);
  await settle();
  expect(log).toEqual([]);
  results.done("results");
  await count;
  expect(log).toEqual(["count"]);
});

test("two at a time, in order; what is given up does not ask", async () => {
  const gates = [later<void>(), later<void>(), later<void>(), later<void>()];
  const log: number[] = [];
  const gone = new AbortController();
  const all = gates.map((g, n) =>
    inTurn(n === 2 ? gone.signal : never, () => {
      log.push(n);
      return g.promise;
    }),
  );
  all[2].catch(() => {});
  await settle();
  expect(log).toEqual([0, 1]);
  gone.abort();
  gates[1].done();
  await settle();
  expect(log).toEqual([0, 1, 3]);
  gates[0].done();
  gates[3].done();
  await Promise.all([all[0], all[1], all[3]]);
  await expect(all[2]).rejects.toThrow();
});

test("what fails gives its place away", async () => {
  await expect(inTurn(never, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  await expect(first(Promise.reject(new Error("no")))).rejects.toThrow("no");
  expect(await inTurn(never, async () => 1)).toBe(1);
});
