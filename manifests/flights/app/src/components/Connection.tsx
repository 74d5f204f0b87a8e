import type { State } from "wasmill-client";

import type { Departures } from "../departures";

const WORDS: Record<State, string> = { live: "Live", connecting: "Connecting", offline: "Offline" };

/** How the connection is, beside the title. */
export function Connection({ state }: { state: State }) {
  return (
    <p class={`connection is-${state}`} data-state={state}>
      {WORDS[state]}
    </p>
  );
}

/** What being offline means, for as long as it is so. */
export function Notice({ departures: { state, at } }: { departures: Departures }) {
  return (
    <div class="notice" role="status">
      {state === "offline" && (
        <p>
          <strong>You’re offline.</strong>{" "}
          {at === undefined ? "Flights come as soon as you’re back." : `This is from ${local(at)}, and updates as soon as you’re back.`}
        </p>
      )}
    </div>
  );
}

/** The reader's own clock. */
function local(time: number): string {
  const then = new Date(time);
  const day = then.toDateString() === new Date().toDateString() ? {} : ({ month: "short", day: "numeric" } as const);
  return then.toLocaleString("en-US", { hour: "numeric", minute: "2-digit", ...day });
}
