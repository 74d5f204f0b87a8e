//! What was seen last, for when the server is away.

import type { Known } from "./flight";
import { SERVER } from "./server";

/** What was seen of an airport. */
export interface Seen {
  day: string;
  days: [first: string, last: string];
  riskiest: Known[];
  counts: { all: number; late: number };
  /** Milliseconds since 1970. */
  at: number;
}

interface Saved {
  airport?: string;
  airports?: Record<string, Seen>;
  /** Flights that were looked at, the latest first. */
  opened?: Known[];
}

const KEY = `wasmill-flights 1 ${SERVER}`;
const OPENED = 30;

function read(): Saved {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? "{}") as Saved;
  } catch {
    return {};
  }
}

function write(change: Partial<Saved>): void {
  try {
    localStorage.setItem(KEY, JSON.stringify({ ...read(), ...change }));
  } catch {
    // It is full, or not allowed: nothing is kept.
  }
}

export const saved = {
  airport(): string {
    return read().airport ?? "EWR";
  },

  seen(airport: string): Seen | undefined {
    return read().airports?.[airport];
  },

  opened(): Known[] {
    return read().opened ?? [];
  },

  see(airport: string, seen: Seen): void {
    write({ airport, airports: { ...read().airports, [airport]: seen } });
  },

  open(document: Known): void {
    const others = (read().opened ?? []).filter(({ id }) => id !== document.id);
    write({ opened: [document, ...others].slice(0, OPENED) });
  },
};
