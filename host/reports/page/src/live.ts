// The server that the page is from.

import type { Model, Overview, Query, Report, Reports, Result } from "./contract";
import { SourceError } from "./problem";
import type { Source } from "./source";

const KEY = "wasmill-key";

interface Problem {
  title?: string;
  detail?: string;
  hint?: string;
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

async function refusal(response: Response): Promise<SourceError> {
  const { status, statusText } = response;
  try {
    const { title, detail, hint } = (await response.json()) as Problem;
    return new SourceError(title ?? statusText, detail ?? title ?? statusText, status, hint ?? null);
  } catch {
    return new SourceError(statusText || "Refused", `the server answered ${status}`, status);
  }
}
