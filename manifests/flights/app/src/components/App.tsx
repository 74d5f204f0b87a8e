import { useEffect, useRef, useState } from "preact/hooks";

import { type Departures, useDepartures } from "../departures";
import { city, number, percent, words } from "../flight";
import { href, useRoute } from "../route";
import { useSearch } from "../search";
import { Connection, Notice } from "./Connection";
import { Find } from "./Find";
import { FlightCard } from "./FlightCard";
import { List } from "./List";

/** From 900 pixels on, list and flight stand side by side. */
const WIDE = matchMedia("(min-width: 900px)");

function useWide(): boolean {
  const [isWide, setWide] = useState(WIDE.matches);
  useEffect(() => {
    const changed = () => setWide(WIDE.matches);
    WIDE.addEventListener("change", changed);
    return () => WIDE.removeEventListener("change", changed);
  }, []);
  return isWide;
}

/** Goes to the flight that was opened, and back to its row; where both are seen, a screen reader says it. */
function useFocus(flight: string | undefined, isWide: boolean, departures: Departures): void {
  const last = useRef(flight);
  useEffect(() => {
    const before = last.current;
    last.current = flight;
    if (before === flight) return;
    const body = flight === undefined ? undefined : departures.flight(flight)?.body;
    if (isWide) {
      if (body) departures.say(`${number(body)} to ${city(body)}: ${percent(body.risk)}, ${words(body.risk)}`);
    } else if (flight !== undefined) {
      scrollTo(0, 0);
      document.getElementById("flight")?.focus({ preventScroll: true });
    } else {
      document.getElementById(`row-${before}`)?.focus();
    }
  }, [flight, isWide, departures]);
}

export function App() {
  const route = useRoute();
  const isWide = useWide();
  const departures = useDepartures(route.airport, route.day);
  const [text, setText] = useState("");
  const found = useSearch(departures, text);
  // Where there is room for it, the first of the list is opened by itself.
  const first = useRef<{ of?: Departures; id?: string | undefined }>({});
  const now = (text.trim() === "" ? departures.riskiest : found?.ids)?.[0];
  if (now !== undefined || first.current.of !== departures) first.current = { of: departures, id: now };
  const opened = route.flight ?? (isWide ? first.current.id : undefined);
  useEffect(() => departures.watch([...(opened ? [opened] : []), ...(found?.ids ?? [])]), [departures, opened, found]);
  useFocus(route.flight, isWide, departures);

  return (
    <>
      <header class="top">
        <svg class="sign" viewBox="0 0 48 48" aria-hidden="true">
          <rect width="48" height="48" rx="11" />
          <circle cx="24" cy="24" r="14" />
          <path d="M24 15.5V24l6 4" />
        </svg>
        <h1>How likely is my flight to be late?</h1>
        <Connection state={departures.state} />
      </header>
      <main class={route.flight === undefined ? undefined : "is-open"}>
        <div class="board">
          <Find departures={departures} route={route} text={text} onText={setText} found={found} />
          <List departures={departures} route={route} opened={opened} text={text} found={found} />
        </div>
        <FlightCard departures={departures} id={opened} back={href({ ...route, flight: undefined })} isAsked={route.flight !== undefined} />
      </main>
      <footer>
        <p>
          Late is more than 15 minutes after the planned arrival. The probability is a model’s, from what is known before a flight
          leaves; all times are New York’s. A demo of Wasmill with flights of 2013, not for travelling.
        </p>
      </footer>
      <p class="hidden" role="status" aria-live="polite" data-testid="said">
        {departures.said}
      </p>
      <Notice departures={departures} />
    </>
  );
}
