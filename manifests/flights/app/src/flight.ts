//! A flight as the pipeline publishes it (../../pipeline.toml), and how it is said.

import type { Document } from "wasmill-client";

import { CITIES } from "./places";

/** A document of `flights`. Times are UTC. */
export interface Flight {
  flight_date: string;
  carrier: { code: string; name: string | null };
  flight: number;
  origin: string;
  destination: { code: string; name: string | null };
  distance: number;
  plane: { tail_number: string | null; manufacturer: string | null; model: string | null; seats: number | null };
  status: "flown" | "cancelled" | "diverted";
  departure: { scheduled: string; actual: string | null; delay_minutes: number | null };
  arrival: { scheduled: string | null; actual: string | null; delay_minutes: number | null; late: boolean | null };
  /** In the hour before: °F, mph, miles. */
  weather: { temperature: number | null; wind_speed: number | null; visibility: number | null };
  /** The probability that it arrives more than 15 minutes late. */
  risk: number;
}

/** A document of `routes`: a month's flights between two airports. */
export interface Route {
  month: string;
  origin: string;
  flights: number;
  risk: { mean: number };
}

export type Known = Document<Flight>;

export function number({ carrier, flight }: Flight): string {
  return `${carrier.code} ${flight}`;
}

export function city({ destination }: Flight): string {
  return CITIES[destination.code] ?? destination.name ?? destination.code;
}

/** An airline's name, without what it is in law. */
export function airline({ carrier }: Flight): string | undefined {
  return carrier.name?.replace(/ (Inc\.|Co\.|Corporation)$/, "");
}

/** What flies: `Boeing 737-824, 149 seats`. */
export function plane({ plane: { manufacturer, model, seats, tail_number } }: Flight): string {
  const maker = manufacturer?.toLowerCase().replace(/\b[a-z]/g, (letter) => letter.toUpperCase());
  const name = [maker, model].filter(Boolean).join(" ");
  return name ? `${name}${seats ? `, ${seats} seats` : ""}` : (tail_number ?? "Not known");
}

/** A probability, which is never quite nothing nor certain. */
export function percent(risk: number): string {
  return `${Math.min(99, Math.max(1, Math.round(risk * 100)))}%`;
}

/** A probability in words. */
export function words(risk: number): string {
  if (risk < 0.1) return "Very likely on time";
  if (risk < 0.25) return "Likely on time";
  if (risk < 0.5) return "May be late";
  return "Likely late";
}

/** A probability as a number of flights. */
export function inTen(risk: number): string {
  const tenths = Math.round(risk * 10);
  const count = tenths === 0 ? "Fewer than 1" : `About ${tenths}`;
  return `${count} in 10 flights like this arrive${tenths === 1 || tenths === 0 ? "s" : ""} more than 15 minutes late.`;
}

/** How a delay in minutes is said. */
export function delay(minutes: number): string {
  if (minutes === 0) return "on time";
  const [hours, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
  const length = hours === 0 ? `${rest} min` : rest === 0 ? `${hours} h` : `${hours} h ${rest} min`;
  return `${length} ${minutes > 0 ? "late" : "early"}`;
}

const ZONE = "America/New_York";
const TIME = new Intl.DateTimeFormat("en-US", { timeZone: ZONE, hour: "numeric", minute: "2-digit" });
const DATE = new Intl.DateTimeFormat("en-US", { timeZone: "UTC", weekday: "long", month: "long", day: "numeric" });
const SHORT = new Intl.DateTimeFormat("en-US", { timeZone: "UTC", weekday: "short", month: "short", day: "numeric" });

/** New York's clock at a time, which all three airports keep. */
export function clock(time: string): string {
  return TIME.format(new Date(time));
}

/** A date, written out. */
export function date(day: string): string {
  return DATE.format(new Date(`${day}T00:00:00Z`));
}

/** The same in short. */
export function shortDate(day: string): string {
  return SHORT.format(new Date(`${day}T00:00:00Z`));
}

/** The day so many days later. */
export function later(day: string, days: number): string {
  const date = new Date(`${day}T00:00:00Z`);
  date.setUTCDate(date.getUTCDate() + days);
  return date.toISOString().slice(0, 10);
}
