import { signal } from "@preact/signals";

/** Whether this browser is logged in with a token, so that it can log out. */
export const session = signal<{ login: boolean }>({ login: false });
