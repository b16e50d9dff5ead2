import { useEffect, useRef, useState } from "preact/hooks";
import { get, Problem } from "../../api/client";
import type { Found, Hit, Span } from "../../api/types";
import { refreshes } from "../../range";
import { joinNewest, joinSlowest } from "./arriving";
import { first } from "./turns";

export type Row = Hit | Span;

export function rowId(r: Row): string {
  return "spanId" in r ? r.traceId + r.spanId : r.traceId;
}

export interface Ask {
  q: string;
  from: string;
  to: string;
  by: "traces" | "spans";
  order: "newest" | "slowest";
}

export interface Results {
  rows: Row[] | undefined; // the newest there are, while loading those of another question
  of: Ask; // that they answer
  cursor: string;
  answer?: Found; // of the last request, for how it was made
  error?: Problem;
  loading: boolean;
  loadingMore: boolean;
  waiting: number; // new results that are held back
  show: () => void; // them
  more: () => void;
  reload: () => void;
}

const pageSize = 30;
const mostRows = 500;

interface State {
  rows?: Row[];
  of: Ask;
  cursor: string;
  answer?: Found;
  error?: Problem;
  loading: boolean;
  loadingMore: boolean;
  held?: { rows: Row[]; cursor: string; added: number };
}

/**
 * The results of a search, page by page. When the page is refreshed, what is new joins those that are shown; while busy says
 * that the user is at them, it waits until they ask for it.
 */
export function useResults(ask: Ask, busy: () => boolean): Results {
  const [state, setState] = useState<State>({ of: ask, cursor: "", loading: true, loadingMore: false });
  const [again, setAgain] = useState(0);
  const key = JSON.stringify(ask);
  const tick = refreshes.value;
  const seen = useRef({ key: "", tick, again });
  const latest = useRef({ state, busy });
  latest.current = { state, busy };
  const paging = useRef<AbortController | undefined>(undefined);

  useEffect(() => {
    const abort = new AbortController();
    const same = seen.current.key === key && latest.current.state.rows !== undefined && seen.current.again === again;
    seen.current = { key, tick, again };
    setState((s) => ({ ...s, loading: true, loadingMore: same && s.loadingMore }));
    if (!same) paging.current?.abort();
    first(get<Found>("/search", { ...ask, limit: pageSize }, abort.signal)).then(
      (answer) => {
        if (abort.signal.aborted) return;
        const page: Row[] = answer.traces ?? answer.spans ?? [];
        const cursor = answer.cursor ?? "";
        setState((s) => {
          const done = { answer, error: undefined, loading: false, of: ask };
          if (!same || !s.rows) return { ...s, ...done, rows: page, cursor, held: undefined, loadingMore: false };
          const base = s.held?.rows ?? s.rows;
          const joined = ask.order === "newest" ? joinNewest(base, page, rowId) : joinSlowest(base, page, rowId);
          // What is followed for hours does not grow without end: then the newest page stands alone again.
          const goesOn = joined.whole && s.rows.length > 0 && joined.rows.length <= mostRows;
          const next = goesOn ? (s.held?.cursor ?? s.cursor) : cursor;
          const rows = goesOn ? joined.rows : page;
          if (joined.added > 0 && s.rows.length > 0 && latest.current.busy()) {
            return { ...s, ...done, held: { rows, cursor: next, added: (s.held?.added ?? 0) + joined.added } };
          }
          return { ...s, ...done, rows, cursor: next, held: undefined };
        });
      },
      (e: Error) => {
        if (abort.signal.aborted) return;
        const error = e instanceof Problem ? e : new Problem(-1, String(e));
        setState((s) => ({ ...s, error, loading: false }));
      },
    );
    return () => abort.abort();
  }, [key, tick, again]);
  useEffect(() => () => paging.current?.abort(), []);

  const more = () => {
    const { cursor } = latest.current.state;
    if (!cursor || latest.current.state.loadingMore) return;
    const abort = (paging.current = new AbortController());
    setState((s) => ({ ...s, loadingMore: true }));
    get<Found>("/search", { ...ask, limit: pageSize, cursor }, abort.signal).then(
      (answer) => {
        if (abort.signal.aborted) return;
        setState((s) => {
          const known = new Set((s.rows ?? []).map(rowId));
          const page: Row[] = (answer.traces ?? answer.spans ?? []).filter((r) => !known.has(rowId(r)));
          return { ...s, rows: [...(s.rows ?? []), ...page], cursor: answer.cursor ?? "", answer, loadingMore: false, held: undefined };
        });
      },
      (e: Error) => {
        if (abort.signal.aborted) return;
        setState((s) => ({ ...s, loadingMore: false, error: e instanceof Problem ? e : new Problem(-1, String(e)) }));
      },
    );
  };

  return {
    rows: state.rows,
    of: state.of,
    cursor: state.cursor,
    answer: state.answer,
    error: state.error,
    loading: state.loading,
    loadingMore: state.loadingMore,
    waiting: state.held?.added ?? 0,
    show: () => setState((s) => (s.held ? { ...s, rows: s.held.rows, cursor: s.held.cursor, held: undefined } : s)),
    more,
    reload: () => setAgain((n) => n + 1),
  };
}
