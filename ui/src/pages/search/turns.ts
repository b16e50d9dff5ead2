// The counts beside the results are many requests; the results and the map must not wait behind them. Only a few of them
// are under way at a time, in the order in which they were asked.

const atOnce = 2;
let running = 0;
const waiting: (() => void)[] = [];

/** Runs what is asked when it is its turn, unless it is not needed any more by then. */
export async function inTurn<T>(signal: AbortSignal, ask: () => Promise<T>): Promise<T> {
  if (running >= atOnce) await new Promise<void>((go) => waiting.push(go));
  else running++;
  try {
    signal.throwIfAborted();
    return await ask();
  } finally {
    const next = waiting.shift();
    if (next) next(); // it takes this place
    else running--;
  }
}
