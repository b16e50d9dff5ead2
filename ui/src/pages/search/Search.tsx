import { useState } from "preact/hooks";
import { Button } from "../../ui/Button";
import { QueryInput } from "../../ui/QueryInput";
import page from "../page.module.css";
import { Facets } from "./Facets";
import { Heat } from "./Heat";
import { LanguageHelp } from "./LanguageHelp";
import { t } from "./messages";
import { shown } from "./place";
import { QuickFilters } from "./QuickFilters";
import { ResultsPanel } from "./ResultsPanel";
import s from "./Search.module.css";
import { useTyped } from "./useTyped";

/** Search: the query, when its spans were and how long they took, what they have in common, and the spans themselves. */
export default function Search() {
  const [facets, setFacets] = useState(false); // where there is no room for them beside the results
  const take = useTyped();
  const now = shown();
  return (
    <div class={page.page}>
      <h1 class="hidden-text">{t.search}</h1>
      <div class={s.question}>
        <QueryInput main value={now.q} onQuery={take} label={t.query} placeholder={t.placeholder}>
          <LanguageHelp />
        </QueryInput>
        <div class={s.quick}>
          <QuickFilters q={now.q} />
          <Button icon="filter" class={s.toggle} pressed={facets} aria-expanded={facets} onClick={() => setFacets(!facets)}>
            {t.attributes}
          </Button>
        </div>
      </div>
      <div class={s.columns}>
        <aside class={[s.facets, facets && s.open].filter(Boolean).join(" ")} aria-label={t.attributes}>
          <Facets q={now.q} />
        </aside>
        <div class={s.found}>
          <Heat now={now} />
          <ResultsPanel now={now} />
        </div>
      </div>
    </div>
  );
}
