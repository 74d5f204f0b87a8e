import { useEffect, useState } from "preact/hooks";

import type { Departures } from "../departures";
import { airline, city, clock, delay, type Flight, inTen, type Known, number, percent, plane, shortDate, words } from "../flight";
import { AIRPORTS } from "../places";
import { saved } from "../saved";
import { flights, routes } from "../server";

const TITLE = document.title;

interface Props {
  departures: Departures;
  /** A document's id. */
  id: string | undefined;
  /** The address of the list. */
  back: string;
  /** Whether somebody opened it. */
  isAsked: boolean;
}

/** One flight: how likely it is late, and what is known of it. */
export function FlightCard({ departures, id, back, isAsked }: Props) {
  const { known, isMissing } = useFlight(departures, id, isAsked);
  const usual = useUsual(known?.body);
  const isAway = departures.state === "offline";
  const said = isAsked && known ? `${percent(known.body.risk)}: ${number(known.body)} to ${city(known.body)}` : TITLE;
  useEffect(() => {
    document.title = said;
  }, [said]);
  return (
    <section class="flight" aria-labelledby="flight">
      <a class="back" href={back}>
        <svg viewBox="0 0 24 24" aria-hidden="true">
          <path d="M15 5l-7 7 7 7" />
        </svg>
        All departures
      </a>
      <h2 id="flight" tabIndex={-1}>
        {known ? (
          <>
            <small>
              {number(known.body)}
              {airline(known.body) && ` · ${airline(known.body)}`}
            </small>
            {AIRPORTS[known.body.origin] ?? known.body.origin} to {city(known.body)}
          </>
        ) : (
          <>
            <small>{"\u00a0"}</small>
            {isMissing ? "There is no such flight" : isAway ? "Not seen before" : "\u00a0"}
          </>
        )}
      </h2>
      <Risk known={known} was={known && departures.was(known.id)} usual={usual} />
      {known ? <Facts body={known.body} /> : <div class="facts is-empty" />}
    </section>
  );
}

function Risk({ known, was, usual }: { known: Known | undefined; was: number | undefined; usual: number | undefined }) {
  if (!known) return <div class="hero is-empty" />;
  const { risk } = known.body;
  return (
    <div class="hero">
      <p class="label">Chance of arriving late</p>
      <p class="number" data-testid="risk">
        <span key={percent(risk)} class={was === undefined ? undefined : "is-new"}>
          {percent(risk)}
        </span>
      </p>
      <p class="words">{words(risk)}</p>
      <div class="meter" aria-hidden="true">
        <div style={{ width: `${risk * 100}%` }} />
        {usual !== undefined && <i style={{ left: `${usual * 100}%` }} />}
      </div>
      <p class="usual">{usual === undefined ? "\u00a0" : `Usual on this route: ${percent(usual)}`}</p>
      <p class="ten">{inTen(risk)}</p>
      {was !== undefined && (
        <p class="was">
          <span aria-hidden="true">{risk > was ? "▲" : "▼"}</span> was {percent(was)}
        </p>
      )}
    </div>
  );
}

function Facts({ body }: { body: Flight }) {
  const { temperature, wind_speed, visibility } = body.weather;
  const sky: Fact[] = [];
  if (temperature !== null) sky.push(["Temperature", `${Math.round(temperature)} °F`, `${Math.round(((temperature - 32) * 5) / 9)} °C`]);
  if (wind_speed !== null) sky.push(["Wind", `${Math.round(wind_speed)} mph`, `${Math.round(wind_speed * 1.609)} km/h`]);
  if (visibility !== null) sky.push(["Visibility", `${visibility}${visibility < 10 ? "" : "+"} mi`, `${Math.round(visibility * 1.609)} km`]);
  const airport = AIRPORTS[body.origin] ?? body.origin;
  return (
    <div class="facts">
      <List facts={[planned(body), departed(body), arrived(body)]} />
      <h3>Weather at {airport}, the hour before</h3>
      {sky.length === 0 ? <p>Not known</p> : <List facts={sky} />}
      <h3>Plane</h3>
      <p>{plane(body)}</p>
    </div>
  );
}

type Fact = [name: string, value: string, more?: string];

function planned({ departure, flight_date }: Flight): Fact {
  return ["Planned", clock(departure.scheduled), shortDate(flight_date)];
}

function departed({ departure: { actual, delay_minutes }, status }: Flight): Fact {
  if (actual === null) return ["Departed", status === "cancelled" ? "Cancelled" : "Not yet"];
  return ["Departed", clock(actual), delay(delay_minutes ?? 0)];
}

function arrived({ arrival: { actual, delay_minutes }, status }: Flight): Fact {
  if (status === "cancelled") return ["Arrived", "–"];
  if (actual === null || delay_minutes === null) return ["Arrived", status === "diverted" ? "Diverted" : "Not yet"];
  return ["Arrived", clock(actual), delay(delay_minutes)];
}

function List({ facts }: { facts: Fact[] }) {
  return (
    <dl>
      {facts.map(([name, value, more]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>
            {value}
            {more && <small>{more}</small>}
          </dd>
        </div>
      ))}
    </dl>
  );
}

/** A flight, asked for if what is known of it is old. */
function useFlight(departures: Departures, id: string | undefined, isAsked: boolean) {
  const [missing, setMissing] = useState<string>();
  const known = id === undefined ? undefined : departures.flight(id);
  const isOld = id !== undefined && !departures.isFresh(id) && departures.state === "live";
  useEffect(() => {
    if (!isOld || id === undefined) return;
    const stop = new AbortController();
    const signal = AbortSignal.any([stop.signal, departures.signal]);
    flights
      .get(id, { partitionKey: departures.airport, signal })
      .then((document) => {
        if (document) departures.take(document);
        setMissing(document ? undefined : id);
        departures.tell();
      })
      .catch(() => {
        // It is asked for again once the connection is back.
      });
    return () => stop.abort();
  }, [departures, id, isOld]);
  useEffect(() => {
    if (known && isAsked) saved.open(known);
  }, [known, isAsked]);
  return { known, isMissing: missing === id && !known };
}

/** The mean probability of a month's flights on the same route. */
function useUsual(body: Flight | undefined): number | undefined {
  const [usual, setUsual] = useState<{ id: string; risk: number }>();
  const month = body?.flight_date.slice(0, 7);
  const id = body && `${month}-${body.origin}-${body.destination.code}`;
  useEffect(() => {
    if (id === undefined || month === undefined) return;
    const stop = new AbortController();
    routes.get(id, { partitionKey: month, signal: stop.signal }).then(
      (document) => document && setUsual({ id, risk: document.body.risk.mean }),
      () => {
        // It is only a comparison.
      },
    );
    return () => stop.abort();
  }, [id, month]);
  return usual?.id === id ? usual?.risk : undefined;
}
