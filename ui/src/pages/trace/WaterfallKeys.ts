import type { Opened } from "./opened";

/** What the keys do while the rows have the focus. page: how many rows a page has. */
export function treeKeys(e: KeyboardEvent, opened: Opened, page: number): void {
  if (e.ctrlKey || e.metaKey || e.altKey) return;
  const { tree } = opened;
  const trace = opened.trace.peek();
  const row = opened.selected.peek();
  const at = row < 0 ? -1 : tree.nearest(row);
  const to = (position: number) => {
    if (tree.count > 0) opened.select(tree.visible[Math.min(tree.count - 1, Math.max(0, position))]);
  };
  switch (e.key) {
    case "ArrowDown":
      to(at + 1);
      break;
    case "ArrowUp":
      to(at - 1);
      break;
    case "PageDown":
      to(at + page);
      break;
    case "PageUp":
      to(at - page);
      break;
    case "Home":
      to(0);
      break;
    case "End":
      to(tree.count - 1);
      break;
    case "ArrowRight":
      if (row < 0) to(0);
      else if (tree.closed[row] || !tree.opens(row)) opened.toggle(row);
      else to(at + 1);
      break;
    case "ArrowLeft":
      if (row < 0) to(0);
      else if (tree.opens(row) && !tree.closed[row]) opened.toggle(row);
      else if (trace.parent[row] >= 0) opened.select(trace.parent[row]);
      break;
    case " ":
      if (row >= 0) opened.toggle(row);
      break;
    case "Enter":
      if (row >= 0) {
        opened.show(true);
        requestAnimationFrame(() => document.querySelector<HTMLElement>("[data-details]")?.focus());
      }
      break;
    case "Escape":
      if (!opened.details.peek()) return;
      opened.show(false);
      break;
    default:
      return;
  }
  e.preventDefault();
  e.stopPropagation();
}
