// The link is where the state is.

import { Store, useStore } from "./store";
import { link, read, type State } from "./state";

const hash = new Store(location.hash);
window.addEventListener("hashchange", () => hash.set(location.hash));
window.addEventListener("popstate", () => hash.set(location.hash));

export function useRoute(): State {
  return read(useStore(hash));
}

/** Goes to a state; `replace` where going back would be a nuisance, as for each letter that is typed. */
export function go(state: State, replace = false) {
  const to = link(state);
  if (to === location.hash) return;
  try {
    history[replace ? "replaceState" : "pushState"](null, "", to);
  } catch {
    // A file has no history in some browsers.
    location.hash = to;
  }
  hash.set(to);
}
