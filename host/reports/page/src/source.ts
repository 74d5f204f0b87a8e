// Where answers come from: a server, or the page itself.

import type { Explanation, Model, Overview, Query, Report, Reports, Result, Saved, Why } from "./contract";
import { LiveSource } from "./live";
import { SourceError } from "./problem";

export interface Source {
  /** When the answers were made, if none are made any more. */
  readonly made: string | null;
  reports(signal: AbortSignal): Promise<Reports>;
  report(id: string, signal: AbortSignal): Promise<Report>;
  model(signal: AbortSignal): Promise<Model>;
  overview(signal: AbortSignal): Promise<Overview>;
  /** `key` is that of a tile's result, which a saved report finds it by. */
  query(query: Query, key: string, signal: AbortSignal): Promise<Result>;
  explain(why: Why, signal: AbortSignal): Promise<Explanation>;
  sql(sql: string, limit: number, signal: AbortSignal): Promise<Result>;
}

class SavedSource implements Source {
  readonly made: string;

  constructor(readonly saved: Saved) {
    this.made = saved.made;
  }

  async reports() {
    const { id, title, description = null } = this.saved.report;
    return { reports: [{ id, title, description }], has_model: false };
  }

  async report() {
    return this.saved.report;
  }

  async model() {
    return this.saved.model;
  }

  async query(_: Query, key: string) {
    const result = this.saved.results[key];
    if (!result) throw new SourceError("Not in this file", `it has no result for \`${key}\``);
    return result;
  }

  async overview(): Promise<never> {
    throw new SourceError("Not in this file", "it has one report only");
  }

  async explain(): Promise<never> {
    return this.overview();
  }

  async sql(): Promise<never> {
    return this.overview();
  }
}

function find(): Source {
  const text = document.getElementById("wasmill-report")?.textContent;
  return text ? new SavedSource(JSON.parse(text) as Saved) : new LiveSource();
}

export const source: Source = find();
