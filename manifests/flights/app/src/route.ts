//! What is shown, as it stands in the address after `#`: an airport, a day, a flight.

import { useEffect, useState } from "preact/hooks";

import { AIRPORTS } from "./places";
import { saved } from "./saved";

export interface Route {
  airport: string;
  /** The last day that there is if it is not given. */
  day?: string | undefined;
  /** A document's id. */
  flight?: string | undefined;
}

export function parse(hash: string): Route {
  const [airport = "", day, flight] = hash.replace(/^#/, "").split("/").map(decode);
  const known = airport in AIRPORTS ? airport : saved.airport();
  return { airport: known, day: day && /^\d{4}-\d\d-\d\d$/.test(day) ? day : undefined, flight: flight || undefined };
}

export function href({ airport, day, flight }: Route): string {
  return `#${[airport, day ?? "", flight ?? ""].map(encodeURIComponent).join("/").replace(/\/+$/, "")}`;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return "";
  }
}

export function useRoute(): Route {
  const [route, setRoute] = useState(() => parse(location.hash));
  useEffect(() => {
    const changed = () => setRoute(parse(location.hash));
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return route;
}
