import type { Waits } from "../../api/types";

/** One part of the time of requests. */
export interface Part {
  look: "running" | "runnable" | "wait" | "rest";
  name: string; // of a wait: its reason
  nanos: number;
  share: number; // of the whole
}

/** The parts of a route's time, the waits by their length; what nothing accounts for is the rest. */
export function parts(route: Waits["routes"][number]): Part[] {
  const known: Omit<Part, "share">[] = [
    { look: "running", name: "running", nanos: route.runningNanos },
    { look: "runnable", name: "runnable", nanos: route.runnableNanos },
    ...[...route.waits].sort((a, b) => (b.nanos ?? 0) - (a.nanos ?? 0)).map((w) => ({ look: "wait" as const, name: w.reason, nanos: w.nanos ?? 0 })),
  ];
  const told = known.reduce((sum, p) => sum + p.nanos, 0);
  const whole = Math.max(route.durationNanos ?? 0, told); // a request that ran on several processors has more than its duration
  if (whole > told) known.push({ look: "rest", name: "rest", nanos: whole - told });
  return known.filter((p) => p.nanos > 0).map((p) => ({ ...p, share: p.nanos / whole }));
}
