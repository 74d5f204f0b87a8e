//! Finding a flight by its number, its airline, or where it goes.

import { useEffect, useState } from "preact/hooks";
import type { Condition } from "wasmill-client";

import type { Departures } from "./departures";
import { city, type Flight, type Known } from "./flight";
import { CITIES } from "./places";
import { flights } from "./server";

/** What was typed, as conditions of which one must be true. */
export type Wanted = Condition<Flight>[][];

/** How many destinations a text may mean: it becomes more exact as it is typed. */
const DESTINATIONS = 6;

/** How many flights are found at most. */
const FOUND = 50;

/** How long after a key the server is asked, in milliseconds. */
const TYPED = 200;

export function wanted(typed: string): Wanted {
  const text = typed.trim().replace(/\s+/g, " ");
  const number = /^([a-z]{2}|[a-z]\d|\d[a-z])? ?-?(\d{1,4})$/i.exec(text);
  if (number) {
    const of: Condition<Flight>[] = [["flight", "=", Number(number[2])]];
    if (number[1]) of.unshift(["carrier.code", "=", number[1].toUpperCase()]);
    return [of];
  }
  if (/^([a-z]{2}|[a-z]\d|\d[a-z])$/i.test(text)) return [[["carrier.code", "=", text.toUpperCase()]]];
  const words = plain(text);
  if (words.length < 2) return [];
  const codes = Object.keys(CITIES).filter((code) => code === text.toUpperCase() || ` ${plain(CITIES[code] ?? "")}`.includes(` ${words}`));
  if (codes.length === 0 && /^[a-z]{3}$/i.test(text)) codes.push(text.toUpperCase());
  return codes.slice(0, DESTINATIONS).map((code) => [["destination.code", "=", code]]);
}

/** Small letters, and nothing but letters. */
function plain(text: string): string {
  return text.toLowerCase().replace(/[^a-z ]/g, "").trim();
}

export interface Found {
  /** What was typed when this was found. */
  text: string;
  ids: string[];
  /** Whether there may be others: the server was not reached, and these are among those seen before. */
  isPartial: boolean;
}

/** The flights of a day that a text means, once the server said so. */
export function useSearch(departures: Departures, text: string): Found | undefined {
  const [found, setFound] = useState<Found>();
  const { day } = departures;
  useEffect(() => {
    setFound(undefined);
    const of = wanted(text);
    if (text.trim() === "" || day === undefined) return;
    const stop = new AbortController();
    const timer = setTimeout(async () => {
      const [ids, isPartial] = await search(departures, day, of, stop.signal);
      if (!stop.signal.aborted) setFound({ text, ids, isPartial });
    }, TYPED);
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [departures, day, text]);
  return found;
}

async function search(departures: Departures, day: string, of: Wanted, signal: AbortSignal): Promise<[string[], boolean]> {
  const ask = { partitionKey: departures.airport, order: "departure.scheduled", limit: FOUND, signal } as const;
  try {
    const pages = await Promise.all(of.map((where) => flights.query({ ...ask, where: [["flight_date", "=", day], ...where] })));
    const documents = pages.flatMap((page) => page.documents);
    for (const document of documents) departures.take(document);
    return [ids(documents), false];
  } catch {
    const isIt = ({ body }: Known, [field, , value]: Condition<Flight>) =>
      value === (field === "flight" ? body.flight : field === "carrier.code" ? body.carrier.code : body.destination.code);
    const here = departures.all().filter(({ body }) => body.origin === departures.airport && body.flight_date === day);
    return [ids(here.filter((known) => of.some((where) => where.every((condition) => isIt(known, condition))))), true];
  }
}

/** In the order of departure. */
function ids(documents: Known[]): string[] {
  const sorted = documents.sort(
    (a, b) => a.body.departure.scheduled.localeCompare(b.body.departure.scheduled) || city(a.body).localeCompare(city(b.body)),
  );
  return sorted.slice(0, FOUND).map(({ id }) => id);
}
