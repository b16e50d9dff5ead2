import { useRef } from "preact/hooks";
import { setParams } from "../../router";

/**
 * Takes queries from the field into the address. The first one while the user types is a new step in the history, so that
 * "back" finds the query before; those that follow replace it.
 */
export function useTyped(): (q: string, how: "live" | "commit") => void {
  const typing = useRef(false);
  return (q, how) => {
    setParams({ q }, { replace: typing.current });
    typing.current = how === "live";
  };
}
