//! The departures of an airport on a day: asked for, and kept up to date by the feed of changes.

import { useEffect, useMemo, useState } from "preact/hooks";
import { type Change, type State, WasmillError } from "wasmill-client";

import { city, type Flight, type Known, number, percent } from "./flight";
import { saved } from "./saved";
import { flights } from "./server";

/** How many of the riskiest are shown. */
export const SHOWN = 20;

/** From which probability on a flight counts as likely late. */
const LATE = 0.5;

/** How long after a change the list is asked for again, in milliseconds: many changes often come together. */
const SETTLED = 500;

/** How long after a failure, in milliseconds. */
const AGAIN = 3_000;

export class Departures {
  readonly airport: string;
  /** The day; none until it is known which is the last. */
  day: string | undefined;
  days: [first: string, last: string] | undefined;
  /** The riskiest, the riskiest first; none until they are known. */
  riskiest: string[] | undefined;
  counts: { all: number; late: number } | undefined;
  /** When what is shown was up to date; none if it was not yet. */
  at: number | undefined;
  /** What time does not mend. */
  problem: string | undefined;
  /** What changed, for screen readers. */
  said = "";

  readonly #known = new Map<string, Known>();
  readonly #fresh = new Set<string>();
  readonly #was = new Map<string, number>();
  readonly #listeners = new Set<() => void>();
  readonly #stop = new AbortController();
  readonly #isLast: boolean;
  #watched = new Set<string>();
  #changed = new Set<string>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #feed: State = "connecting";
  #isFailing = false;
  #isLoaded = false;
  #isTelling = false;

  /** Of a day, or of the last that there is. */
  constructor(airport: string, day: string | undefined) {
    this.airport = airport;
    this.day = day;
    this.#isLast = day === undefined;
    this.#restore();
  }

  /** How the connection is: that of changes, or what is asked beside. */
  get state(): State {
    return this.#isFailing ? "offline" : this.#feed;
  }

  start(): void {
    void this.#follow();
  }

  stop(): void {
    this.#stop.abort();
    clearTimeout(this.#timer);
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  flight(id: string): Known | undefined {
    return this.#known.get(id);
  }

  /** Whether it is as the server has it: asked for after its changes were followed. */
  isFresh(id: string): boolean {
    return this.#fresh.has(id);
  }

  all(): Known[] {
    return [...this.#known.values()];
  }

  /** What its probability was before it changed. */
  was(id: string): number | undefined {
    return this.#was.get(id);
  }

  /** Which flights are looked at beside the riskiest: their changes are said, too. */
  watch(ids: string[]): void {
    this.#watched = new Set(ids);
  }

  /** Takes in a document, unless the server gave a newer one. */
  take(document: Known): void {
    const before = this.#known.get(document.id);
    if (before && this.isFresh(before.id) && BigInt(before.version) > BigInt(document.version)) return;
    this.#known.set(document.id, document);
    this.#fresh.add(document.id);
    if (!before || percent(before.body.risk) === percent(document.body.risk)) return;
    this.#was.set(document.id, before.body.risk);
    this.#changed.add(document.id);
  }

  /** Says something to screen readers. */
  say(text: string): void {
    this.said = text;
    this.tell();
  }

  /** Tells that something is another, once for all that happens together. */
  tell(): void {
    if (this.#isTelling || this.signal.aborted) return;
    this.#isTelling = true;
    setTimeout(() => {
      this.#isTelling = false;
      this.#sayChanges();
      for (const listener of this.#listeners) listener();
    }, 30);
  }

  #restore(): void {
    for (const document of saved.opened()) this.#known.set(document.id, document);
    const seen = saved.seen(this.airport);
    if (!seen || (this.day !== undefined && this.day !== seen.day)) return;
    for (const document of seen.riskiest) this.#known.set(document.id, document);
    this.riskiest = seen.riskiest.map(({ id }) => id);
    const { day, days, counts, at } = seen;
    Object.assign(this, { day, days, counts, at });
  }

  async #follow(): Promise<void> {
    // Not all flights there ever were: what is shown is asked for again, and then what comes later.
    const anew = new AbortController();
    const onState = (state: State) => {
      if (this.#feed === "live") this.at = Date.now();
      this.#feed = state;
      this.tell();
      // Changes are told from now on, so nothing is missed that changes while this is asked for.
      if (state === "live" && !this.#isLoaded) this.#later(0);
    };
    const signal = AbortSignal.any([this.signal, anew.signal]);
    const options = { since: "now", partitionKey: this.airport, signal, onState, onAnew: () => anew.abort() };
    try {
      for await (const change of flights.follow(options)) this.#change(change);
    } catch (err) {
      this.#failed(err);
      return;
    }
    if (this.signal.aborted) return;
    this.#isLoaded = false;
    this.#known.clear();
    this.#fresh.clear();
    await this.#follow();
  }

  #change(change: Change<Flight>): void {
    const isKnown = this.#known.has(change.id);
    if (change.deleted) {
      this.#known.delete(change.id);
      this.riskiest = this.riskiest?.filter((id) => id !== change.id);
      if (isKnown) this.#later(SETTLED);
    } else {
      const isOurs = change.body.flight_date === this.day || (this.#isLast && change.body.flight_date > (this.day ?? ""));
      if (isKnown) this.take(change);
      if (isOurs) this.#later(SETTLED);
    }
    this.#sort();
    this.tell();
  }

  /** Puts the riskiest in order again. */
  #sort(): void {
    const risk = (id: string) => this.#known.get(id)?.body.risk ?? 0;
    this.riskiest?.sort((a, b) => risk(b) - risk(a));
  }

  #later(milliseconds: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#load().catch((err: unknown) => {
        this.#failed(err);
        if (this.problem === undefined) this.#later(AGAIN);
      });
    }, milliseconds);
  }

  async #load(): Promise<void> {
    const { airport, signal } = this;
    const ask = { partitionKey: airport, signal };
    const end = async (order: "flight_date" | "-flight_date") =>
      (await flights.query({ ...ask, order, limit: 1 })).documents[0]?.body.flight_date;
    const [first, last] = await Promise.all([end("flight_date"), end("-flight_date")]);
    const day = this.#isLast ? last : this.day;
    if (day === undefined) {
      Object.assign(this, { riskiest: [], counts: { all: 0, late: 0 } });
      this.tell();
      return;
    }
    const where = [["flight_date", "=", day]] as const;
    const [page, all, late] = await Promise.all([
      flights.query({ ...ask, where, order: "-risk", limit: SHOWN }),
      flights.count({ ...ask, where }),
      flights.count({ ...ask, where: [...where, ["risk", ">=", LATE]] }),
    ]);
    for (const document of page.documents) this.take(document);
    if (!this.#isLoaded) this.#changed.clear();
    this.#isLoaded = true;
    this.#isFailing = false;
    this.day = day;
    this.days = [first ?? day, last ?? day];
    this.riskiest = page.documents.map(({ id }) => id);
    this.counts = { all, late };
    this.#sort();
    this.at = Date.now();
    saved.see(airport, { day, days: this.days, riskiest: page.documents, counts: this.counts, at: this.at });
    this.tell();
  }

  #failed(err: unknown): void {
    if (this.signal.aborted) return;
    if (err instanceof WasmillError && err.isTemporary) this.#isFailing = true;
    else this.problem = err instanceof Error ? err.message : String(err);
    this.tell();
  }

  /** Puts what changed into words: a flight, or how many. */
  #sayChanges(): void {
    const shown = [...this.#changed].filter((id) => this.#watched.has(id) || this.riskiest?.includes(id));
    this.#changed.clear();
    const first = shown.find((id) => this.#watched.has(id)) ?? shown[0];
    const document = first === undefined ? undefined : this.#known.get(first);
    if (document === undefined || first === undefined) return;
    const { body } = document;
    const more = shown.length === 1 ? "" : ` ${shown.length - 1} more changed.`;
    this.said = `${number(body)} to ${city(body)}: now ${percent(body.risk)} likely to be late, was ${percent(this.was(first) ?? body.risk)}.${more}`;
  }
}

/** The departures of an airport on a day (or on the last), drawn anew when something is another. */
export function useDepartures(airport: string, day: string | undefined): Departures {
  const departures = useMemo(() => new Departures(airport, day), [airport, day]);
  const [, draw] = useState({});
  useEffect(() => {
    const unsubscribe = departures.subscribe(() => draw({}));
    departures.start();
    return () => {
      unsubscribe();
      departures.stop();
    };
  }, [departures]);
  return departures;
}
