import { createContext } from "preact";
import { setParams, type Params } from "../../router";
import type { Opened } from "./opened";

/** Searches within the trace that is open, and puts that into the address. */
export function findIn(opened: Opened, condition: string, params: Params = {}): void {
  void opened.find(condition);
  setParams({ find: condition, ...params });
}

/** What attributes do to find others with the same value; undefined where there is no trace to search in. */
export const Finder = createContext<((condition: string) => void) | undefined>(undefined);
