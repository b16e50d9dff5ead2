import { useEffect, useRef } from "preact/hooks";

/**
 * Gives an input the focus when it appears. The attribute autofocus does so only once in the life of a document, and this one lives as
 * long as the page is open.
 */
export function useFocus() {
  const ref = useRef<HTMLInputElement>(null);
  useEffect(() => ref.current?.focus(), []);
  return ref;
}
