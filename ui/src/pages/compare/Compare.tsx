import { place, setParams } from "../../router";
import { Segments } from "../../ui/Button";
import { t } from "./messages";
import { Times } from "./Times";
import { Traces } from "./Traces";
import page from "../page.module.css";

/** What is different between two times, or between two traces. */
export default function Compare() {
  const { params } = place.value;
  const traces = comparesTraces(params);
  return (
    <div class={page.page}>
      <div class={page.heading}>
        <h1>{t.title}</h1>
        <Segments
          label={t.what}
          value={traces ? "traces" : "times"}
          onChange={(v) => setParams(v === "traces" ? { of: "traces" } : { of: null, a: null, b: null, view: null, changes: null })}
          options={[
            { value: "times", text: t.times },
            { value: "traces", text: t.traces },
          ]}
        />
      </div>
      {traces ? <Traces /> : <Times />}
    </div>
  );
}

/** Whether an address of this page is about traces; else it is about times. */
function comparesTraces(params: URLSearchParams): boolean {
  return params.has("a") || params.has("b") || params.get("of") === "traces";
}
