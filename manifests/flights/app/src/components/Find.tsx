import type { Departures } from "../departures";
import { later } from "../flight";
import { AIRPORTS } from "../places";
import { href, type Route } from "../route";
import type { Found } from "../search";

interface Props {
  departures: Departures;
  route: Route;
  text: string;
  onText: (text: string) => void;
  found: Found | undefined;
}

/** Which airport, which day, and which flight. */
export function Find({ departures: { day, days }, route, text, onText, found }: Props) {
  const go = (to: Partial<Route>) => {
    location.hash = href({ ...route, flight: undefined, ...to });
  };
  const first = found?.ids[0];
  const submit = (event: Event) => {
    event.preventDefault();
    if (first) go({ flight: first });
  };
  const step = (label: string, to: string | undefined, sign: string) => {
    const isThere = to !== undefined && days !== undefined && to >= days[0] && to <= days[1];
    return (
      <button type="button" class="step" aria-label={label} disabled={!isThere} onClick={() => go({ day: to })}>
        <svg viewBox="0 0 24 24" aria-hidden="true">
          <path d={sign} />
        </svg>
      </button>
    );
  };
  return (
    <form class="find" role="search" aria-label="Flights" onSubmit={submit}>
      <fieldset class="airports">
        <legend>From</legend>
        {Object.entries(AIRPORTS).map(([code, name]) => (
          <label key={code}>
            <input type="radio" name="airport" checked={route.airport === code} onChange={() => go({ airport: code })} />
            <span>
              <b>{code}</b> {name}
            </span>
          </label>
        ))}
      </fieldset>
      <div class="field">
        <label for="day">Day</label>
        <div class="days">
          {step("Day before", day && later(day, -1), "M15 5l-7 7 7 7")}
          <input
            id="day"
            type="date"
            value={day ?? ""}
            min={days?.[0]}
            max={days?.[1]}
            onChange={({ currentTarget: { value } }) => value && go({ day: value })}
          />
          {step("Day after", day && later(day, 1), "M9 5l7 7-7 7")}
        </div>
      </div>
      <div class="field">
        <label for="search">Flight or destination</label>
        <input
          id="search"
          type="search"
          value={text}
          placeholder="UA 1545 or Boston"
          autocomplete="off"
          autocapitalize="words"
          spellcheck={false}
          enterkeyhint="search"
          onInput={({ currentTarget: { value } }) => onText(value)}
        />
      </div>
    </form>
  );
}
