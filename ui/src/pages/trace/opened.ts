import { batch, computed, signal } from "@preact/signals";
import { get, Problem } from "../../api/client";
import { remembered } from "../../remembered";
import { place, setParams } from "../../router";
import { findIds, findWords, hitsOf, nextHit, plainWords, words, type Hits } from "../../trace/find";
import { loadColumns } from "../../trace/load";
import { merge } from "../../trace/merge";
import { Flag, type Trace } from "../../trace/trace";
import { Tree } from "../../trace/tree";
import { t } from "./messages";

/** A stretch of the trace's time, in nanoseconds from its start. */
export interface Zoom {
  from: number;
  until: number;
}

/** Whether the user has the details beside the spans where there is room for both. */
export const wantsDetails = remembered<boolean>("weft.trace.panel", true, (v) => typeof v === "boolean");

interface Found {
  text: string;
  hits: Hits;
  hidden: string[]; // ids of hits that are not among the rows
  total: number; // hits in the whole trace
}

/**
 * The trace that is open, and what the parts of its page share: what is selected, zoomed into, found, folded. Rows are
 * numbers that hold as long as `trace` is the same; when more spans come in, all that is here moves with them.
 */
export class Opened {
  readonly trace;
  /** Which rows are open. It changes in place: whoever shows it reads `folds`, which goes up then. */
  tree: Tree;
  readonly folds = signal(0);

  /** The row that the keyboard is at and the details are of; -1: none. */
  readonly selected = signal(-1);
  /** Whether the details are shown: of the selected span, or else of the trace. */
  readonly details;
  /** The stretch of time that is shown. */
  readonly zoom;
  /** Goes up when the selected row is to be brought into sight. */
  readonly sights = signal(0);

  /** Services by their number in trace.services that stand out; none: all do. */
  readonly only = signal<ReadonlySet<number>>(new Set());
  readonly found = signal<Found | undefined>(undefined);
  readonly finding = signal(false);
  readonly findProblem = signal<Problem | undefined>(undefined);

  /** Rows that are loading what is hidden below them. */
  readonly unfolding = signal<ReadonlySet<string>>(new Set());
  readonly unfoldProblem = signal<Problem | undefined>(undefined);

  /** Per row 1 for what stands back while services are chosen or something is searched; undefined: nothing does. */
  readonly dim = computed(() => {
    const trace = this.trace.value;
    const only = this.only.value;
    const hits = this.found.value?.hits.mask;
    if (only.size === 0 && !hits) return undefined;
    const dim = new Uint8Array(trace.count);
    for (let r = 0; r < trace.count; r++) if ((only.size > 0 && !only.has(trace.service[r])) || (hits && !hits[r])) dim[r] = 1;
    return dim;
  });

  constructor(trace: Trace) {
    this.trace = signal(trace);
    this.tree = new Tree(trace);
    this.details = signal(wantsDetails.peek() && matchMedia("(min-width: 1100px)").matches);
    this.zoom = signal<Zoom>({ from: 0, until: trace.duration0 });
  }

  get id(): string {
    return this.trace.peek().summary.traceId;
  }

  /** Shows another state of the trace. moved: where rows are now, -1 for those that are gone; by their ids if it is missing. */
  replace(trace: Trace, moved?: Int32Array): void {
    const old = this.trace.peek();
    const to = (row: number): number => (row < 0 ? -1 : moved ? moved[row] : trace.row(old.spanId(row)));
    const { from, until } = this.zoom.peek();
    batch(() => {
      const tree = new Tree(trace, { tree: this.tree, moved: to });
      const selected = to(this.selected.peek());
      const only = new Set([...this.only.peek()].map((i) => trace.services.indexOf(old.services[i])).filter((i) => i >= 0));
      this.tree = tree;
      this.selected.value = selected;
      this.only.value = only;
      if (from === 0 && until === old.duration0) this.zoom.value = { from: 0, until: trace.duration0 };
      const found = this.found.peek();
      this.trace.value = trace;
      this.folds.value++;
      if (!found) return;
      if (moved) {
        // The same trace with more of its spans: what was found is the same.
        const list = words(found.text);
        const { hits, hidden } = findIds(trace, found.hidden);
        for (const r of found.hits.rows) hits.mask[moved[r]] = 1;
        this.found.value = { ...found, hidden, hits: list ? findWords(trace, list) : hitsOf(hits.mask) };
      } else {
        this.found.value = undefined;
        void this.find(found.text);
      }
    });
  }

  /** Selects a row, shows its details, and puts it into the address. */
  select(row: number, how: { details?: boolean; sight?: boolean } = {}): void {
    const { details, sight = true } = how;
    batch(() => {
      this.selected.value = row;
      if (details !== undefined) this.details.value = details;
      if (row >= 0 && sight) {
        this.tree.reveal(row);
        this.folds.value++;
        this.sights.value++;
      }
    });
    this.#toAddress();
  }

  /** Shows or hides the details because the user asked for it. */
  show(details: boolean): void {
    this.details.value = details;
    wantsDetails.value = details;
  }

  #timer = 0;

  // Holding an arrow key selects 30 rows a second; browsers allow few changes of the address.
  #toAddress(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (place.peek().path !== `trace/${this.id}`) return;
      const row = this.selected.peek();
      setParams({ span: row >= 0 ? this.trace.peek().spanId(row) : null }, { replace: true });
    }, 150) as unknown as number;
  }

  /** Selects a span by its id; if it is folded away it is asked for. False if the trace has no such span. */
  async selectSpan(id: string, how: { details?: boolean } = {}): Promise<boolean> {
    let row = this.trace.peek().row(id);
    if (row < 0) {
      if (this.trace.peek().hidden === 0 || !(await this.#reveal([id]))) return false;
      row = this.trace.peek().row(id);
    }
    if (row < 0) return false;
    this.select(row, how);
    return true;
  }

  toggle(row: number): void {
    const trace = this.trace.peek();
    if (!this.tree.opens(row)) {
      if (trace.missing[row] > 0) void this.unfold(row);
      return;
    }
    this.tree.toggle(row);
    const at = this.selected.peek();
    // What is selected does not vanish: the row that was closed takes its place.
    if (this.tree.closed[row] && at > row && trace.contains(row, at)) this.select(row, { sight: false });
    this.folds.value++;
  }

  /** Changes which rows are open, all at once. */
  fold(change: (tree: Tree) => void): void {
    change(this.tree);
    const at = this.selected.peek();
    if (at >= 0 && this.tree.position(at) < 0) this.select(this.tree.visible[this.tree.nearest(at)], { sight: false });
    this.folds.value++;
    this.sights.value++;
  }

  /** Asks for what is hidden below a row. */
  async unfold(row: number): Promise<void> {
    const id = this.trace.peek().spanId(row);
    if (this.trace.peek().missing[row] === 0 || this.unfolding.peek().has(id)) return;
    this.unfolding.value = new Set(this.unfolding.peek()).add(id);
    this.unfoldProblem.value = undefined;
    try {
      await this.#below(id, { limit: 20_000 });
      const now = this.trace.peek().row(id);
      if (now >= 0) {
        this.tree.open(now);
        this.folds.value++;
      }
    } catch (e) {
      this.unfoldProblem.value = e instanceof Problem ? e : new Problem(-1, String(e));
    } finally {
      const rest = new Set(this.unfolding.peek());
      rest.delete(id);
      this.unfolding.value = rest;
    }
  }

  async #below(under: string, query: { limit: number; reveal?: string[] }): Promise<void> {
    const answer = await loadColumns(this.id, { under, ...query });
    if (!answer) return;
    const merged = merge(this.trace.peek(), answer.columns);
    if (!merged) throw new Problem(409, t.unfoldStale);
    this.replace(merged.trace, merged.moved);
  }

  /** Asks for spans that are folded away, and those above them. */
  async #reveal(ids: string[]): Promise<boolean> {
    const trace = this.trace.peek();
    // Each root is asked for on its own; nearly always there is one.
    for (let r = 0; r < trace.count; r = trace.end[r]) {
      if (trace.size[r] === trace.end[r] - r) continue;
      try {
        await this.#below(trace.spanId(r), { limit: 1, reveal: ids });
      } catch (e) {
        this.unfoldProblem.value = e instanceof Problem ? e : new Problem(-1, String(e));
        return false;
      }
      if (ids.every((id) => this.trace.peek().row(id) >= 0)) return true;
    }
    return false;
  }

  #search: AbortController | undefined;

  /** Searches within the trace: words at once, queries on the server. */
  async find(text: string): Promise<void> {
    this.#search?.abort();
    const abort = (this.#search = new AbortController());
    this.findProblem.value = undefined;
    if (text.trim() === "") {
      this.found.value = undefined;
      this.finding.value = false;
      return;
    }
    const trace = this.trace.peek();
    const list = words(text);
    if (list) {
      const hits = findWords(trace, list);
      this.found.value = { text, hits, hidden: [], total: hits.rows.length };
      if (trace.hidden === 0) {
        this.finding.value = false;
        return;
      }
    }
    this.finding.value = true;
    try {
      await new Promise((done) => setTimeout(done, 250)); // until the typing stops
      if (abort.signal.aborted) return;
      const answer = await get<{ total: number; spans: { spanId: string }[] }>(`/traces/${this.id}/find`, { q: text, limit: list ? 1000 : 10_000 }, abort.signal);
      if (abort.signal.aborted || this.trace.peek() !== trace) return;
      const { hits, hidden } = findIds(trace, answer.spans.map((s) => s.spanId));
      const known = list ? this.found.peek()!.hits : hits;
      this.found.value = { text, hits: known, hidden, total: answer.total };
    } catch (e) {
      if (abort.signal.aborted) return;
      const problem = e instanceof Problem ? e : new Problem(-1, String(e));
      const plain = problem.status === 400 ? plainWords(text) : undefined;
      if (plain) {
        const hits = findWords(this.trace.peek(), plain);
        this.found.value = { text, hits, hidden: [], total: hits.rows.length };
        return;
      }
      this.findProblem.value = problem;
      if (!list) this.found.value = undefined;
    } finally {
      if (this.#search === abort) this.finding.value = false;
    }
  }

  /** Goes to the next hit, or the one before. Hits that are folded away come after those that are not. */
  async toHit(step: 1 | -1): Promise<void> {
    const found = this.found.peek();
    if (!found) return;
    const at = this.selected.peek();
    const rows = found.hits.rows;
    const last = rows.length === 0 || (step > 0 && at >= rows[rows.length - 1]);
    if (last && found.hidden.length > 0 && (await this.#reveal(found.hidden.slice(0, 100)))) {
      const row = this.trace.peek().row(found.hidden[0]);
      if (row >= 0) return this.select(row);
    }
    const row = nextHit(rows, at, step);
    if (row >= 0) this.select(row);
  }

  /** Goes to the next failed span. */
  toError(): void {
    const { flags, count } = this.trace.peek();
    this.#toNext((r) => (flags[r] & Flag.error) !== 0, count);
  }

  /** Goes to the next piece of the critical path, in the order of time. */
  toCritical(): void {
    const { path } = this.trace.peek();
    if (path.count === 0) return;
    const at = this.selected.peek();
    let i = this.#piece;
    if (i < 0 || path.row[i] !== at) i = at >= 0 && path.has(at) ? path.byRow[path.first[at]] : -1;
    for (let n = 0; n < path.count; n++) {
      i = (i + 1) % path.count;
      if (path.row[i] >= 0 && path.row[i] !== at) break;
    }
    this.#piece = i;
    if (path.row[i] >= 0) this.select(path.row[i]);
  }

  #piece = -1; // of the critical path, where toCritical was

  #toNext(wanted: (row: number) => boolean, count: number): void {
    const at = this.selected.peek();
    for (let n = 1; n <= count; n++) {
      const r = (at + n + count) % count;
      if (wanted(r)) return this.select(r);
    }
  }

  /** Shows a stretch of time, within the trace and not shorter than a nanosecond. */
  zoomTo(from: number, until: number): void {
    const all = this.trace.peek().duration0;
    const width = Math.min(all, Math.max(until - from, Math.min(all, 1)));
    const start = Math.min(Math.max(0, from), all - width);
    this.zoom.value = { from: start, until: start + width };
  }

  /** Shows the time of a span, with a little around it. */
  zoomToSpan(row: number): void {
    const { start, duration, duration0 } = this.trace.peek();
    const room = Math.max(duration[row] * 0.05, duration0 * 1e-6, 1);
    this.zoomTo(start[row] - room, start[row] + duration[row] + room);
  }

  /** Zooms by a factor (above 1: closer) round a point in time. */
  zoomBy(factor: number, round?: number): void {
    const { from, until } = this.zoom.peek();
    const row = this.selected.peek();
    const { start, duration } = this.trace.peek();
    let point = round ?? (from + until) / 2;
    if (round === undefined && row >= 0) {
      const middle = start[row] + duration[row] / 2;
      if (middle >= from && middle <= until) point = middle;
    }
    this.zoomTo(point - (point - from) / factor, point + (until - point) / factor);
  }

  resetZoom(): void {
    this.zoom.value = { from: 0, until: this.trace.peek().duration0 };
  }

  get zoomed(): boolean {
    const { from, until } = this.zoom.value;
    return from > 0 || until < this.trace.value.duration0;
  }
}
