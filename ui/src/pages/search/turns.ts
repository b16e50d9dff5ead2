// The counts beside the results are many requests; the results and the map must not wait behind them. They begin when those
// have answered, or after a while, and only a few of them are under way at a time, in the order in which they were asked.

const atOnce = 2;
const patience = 400; // milliseconds

let urgent = 0;
let running = 0;
const waiting: (() => void)[] = [];
const answered: (() => void)[] = []; // what to do when nothing urgent is under way any more

function next(): void {
  while (running < atOnce && waiting.length > 0) {
    running++;
    waiting.shift()!();
  }
}

/** Waits until what goes first has answered, but only for a moment: on a busy server both would take longer side by side. */
export async function justAfter(signal: AbortSignal, wait = 100): Promise<void> {
  await Promise.resolve(); // what goes first may be asked in the same moment, a little later
  if (urgent > 0) {
    await new Promise<void>((go) => {
      const timer = setTimeout(go, wait);
      answered.push(() => {
        clearTimeout(timer);
        go();
      });
    });
  }
  signal.throwIfAborted();
}

/** Lets what is asked here go before what waits for its turn. */
export function first<T>(answer: Promise<T>): Promise<T> {
  urgent++;
  let done = false;
  const finish = () => {
    if (done) return;
    done = true;
    if (--urgent > 0) return;
    for (const go of answered.splice(0)) go();
    setTimeout(() => urgent === 0 && next()); // unless those that just waited are urgent themselves
  };
  const timer = setTimeout(finish, patience);
  answer.then(finish, finish).finally(() => clearTimeout(timer));
  return answer;
}

/** Runs what is asked when it is its turn, unless it is not needed any more by then. */
export async function inTurn<T>(signal: AbortSignal, ask: () => Promise<T>): Promise<T> {
  await new Promise<void>((go) => {
    waiting.push(go);
    // The results may be asked for in the same moment, a little later.
    queueMicrotask(() => urgent === 0 && next());
  });
  try {
    signal.throwIfAborted();
    return await ask();
  } finally {
    running--;
    if (urgent === 0) next();
  }
}
