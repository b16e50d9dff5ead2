import { signal } from "@preact/signals";
import { base } from "../router";

/** What the server says of itself and of who asks. */
export interface Session {
  login: boolean; // with a token, so that one can log out
  name?: string; // of the token
  receivers?: { otlpHttp?: string; otlpGrpc?: string; zipkin?: string }; // where programs send to; a member is absent if it is off
  tokens?: boolean; // programs need one, too
  retention?: { ageNanos: number; bytes: number }; // 0: no limit
}

export const session = signal<Session>({ login: false });

fetch(base + "session")
  .then((r) => (r.ok ? r.json() : undefined))
  .then((v) => v && (session.value = v))
  .catch(() => {}); // the pages themselves say that the server is away
