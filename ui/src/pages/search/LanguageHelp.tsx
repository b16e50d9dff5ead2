import { Popover } from "../../ui/Popover";
import { QueryText } from "../../ui/QueryText";
import s from "./LanguageHelp.module.css";
import { t } from "./messages";
import { search } from "./place";

const examples = [
  { q: "service = checkout and status = error", says: () => t.exampleErrors },
  { q: 'http.route = "/cart/{id}" and duration > 250ms', says: () => t.exampleSlow },
  { q: "http.response.status_code >= 500 and user.id exists", says: () => t.exampleCodes },
  { q: "url.path ^= /api and kind in (server, client) and not db.system.name = redis", says: () => t.examplePrefix },
  { q: "cart timeout", says: () => t.exampleText },
];

/** What can be written into the query: examples to begin with. */
export function LanguageHelp() {
  return (
    <Popover icon="info" look="quiet" align="right" label={t.language}>
      {(close) => (
        <ul class={s.list}>
          {examples.map((e) => (
            <li key={e.q}>
              <button
                type="button"
                class={s.example}
                onClick={() => {
                  close();
                  search(e.q);
                }}
              >
                <QueryText text={e.q} />
                <span class={s.says}>{e.says()}</span>
              </button>
            </li>
          ))}
        </ul>
      )}
    </Popover>
  );
}
