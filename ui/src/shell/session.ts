import { signal } from "@preact/signals";
import { base } from "../router";

/** Whether this browser is logged in with a token, so that it can log out. */
export const session = signal<{ login: boolean; name?: string }>({ login: false });

fetch(base + "session")
  .then((r) => (r.ok ? r.json() : undefined))
  .then((v) => v && (session.value = v))
  .catch(() => {}); // the pages themselves say that the server is away
