// The server that the page is from.

import type { Explanation, Model, Overview, Query, Report, Reports, Result, Why } from "./contract";
import { SourceError } from "./problem";
import type { Source } from "./source";

const KEY = "wasmill-key";

/** What went wrong; what to do about it is in lines that begin with `hint: `. */
interface Problem {
  error?: string;
}

export class LiveSource implements Source {
  readonly made = null;

  reports(signal: AbortSignal) {
    return ask<Reports>("/v1/reports", signal);
  }

  report(id: string, signal: AbortSignal) {
    return ask<Report>(`/v1/reports/${encodeURIComponent(id)}`, signal);
  }

  model(signal: AbortSignal) {
    return ask<Model>("/v1/model", signal);
  }

  overview(signal: AbortSignal) {
    return ask<Overview>("/v1/overview", signal);
  }

  query(query: Query, _: string, signal: AbortSignal) {
    return ask<Result>("/v1/query", signal, query);
  }

  explain(why: Why, signal: AbortSignal) {
    return ask<Explanation>("/v1/explain", signal, why);
  }

  sql(sql: string, limit: number, signal: AbortSignal) {
    return ask<Result>("/v1/sql", signal, { sql, limit });
  }
}

/** Keeps a key until the tab is closed. */
export function keep(key: string) {
  if (key) sessionStorage.setItem(KEY, key);
  else sessionStorage.removeItem(KEY);
}

export function hasKey(): boolean {
  return sessionStorage.getItem(KEY) !== null;
}

async function ask<Answer>(path: string, signal: AbortSignal, body?: unknown): Promise<Answer> {
  const headers: Record<string, string> = { Accept: "application/json" };
  const key = sessionStorage.getItem(KEY);
  if (key) headers.Authorization = `Bearer ${key}`;
  const request: RequestInit = { headers, signal, cache: "no-store" };
  if (body !== undefined) {
    headers["Content-Type"] = "application/json";
    Object.assign(request, { method: "POST", body: JSON.stringify(body) });
  }
  let response: Response;
  try {
    response = await fetch(path, request);
  } catch (err) {
    if (signal.aborted) throw err;
    throw new SourceError("No connection", "the server does not answer");
  }
  if (!response.ok) throw await refusal(response);
  return (await response.json()) as Answer;
}

const TITLES: Record<number, string> = { 401: "A key is needed", 403: "Not allowed", 404: "Not found", 429: "Too many requests" };

async function refusal(response: Response): Promise<SourceError> {
  const { status, statusText } = response;
  try {
    const { error } = (await response.json()) as Problem;
    const [detail = statusText, hint = null] = (error ?? statusText).split("\nhint: ", 2);
    return new SourceError(TITLES[status] ?? "Refused", detail, status, hint);
  } catch {
    return new SourceError(statusText || "Refused", `the server answered ${status}`, status);
  }
}
