// What the server answers, as JSON has it.

/** SQL may answer lists and structures too, which are shown as JSON. */
export type Cell = string | number | boolean | null;

export type Operator =
  "equals" | "not_equals" | "gt" | "gte" | "lt" | "lte" | "contains" | "starts_with" | "is_null" | "is_not_null";

export interface Condition {
  name: string;
  operator: Operator;
  values?: Cell[];
}

/** From a moment on, until before another. */
export interface Range {
  from: string | null;
  before: string | null;
}

export interface Order {
  by: string;
  descending?: boolean;
}

/** A query of the semantic model; a dimension is `"carrier"` or `"date.month"`. */
export interface Query {
  measures: string[];
  dimensions: string[];
  filters?: Condition[];
  time_range?: Range & { dimension: string };
  order?: Order[];
  limit?: number;
  offset?: number;
}

export type Kind = "string" | "number" | "boolean" | "date" | "timestamp";

export interface Format {
  style?: "number" | "percent" | { currency: string };
  decimals?: number | null;
}

export interface Column {
  name: string;
  title?: string | null;
  role?: "dimension" | "measure";
  kind?: Kind | null;
  granularity?: string | null;
  format?: Format | null;
}

export interface Result {
  columns: Column[];
  rows: Cell[][];
  truncated: boolean;
  sql?: string;
}

export interface Dimension {
  name: string;
  title?: string | null;
  kind: Kind;
  granularities?: string[];
  format?: Format | null;
  description?: string | null;
}

export interface Measure {
  name: string;
  title?: string | null;
  format?: Format | null;
  description?: string | null;
}

export interface Model {
  name: string;
  description?: string | null;
  dimensions: Dimension[];
  measures: Measure[];
  hierarchies?: Record<string, { dimension: string; granularity?: string | null }[]>;
}

export interface ReportFilter {
  dimension: string;
  kind: Kind;
  title: string;
  default?: Partial<Range> | Cell[] | null;
}

export interface Tile {
  id: string;
  kind: "kpi" | "line" | "bar" | "map" | "table";
  title: string;
  description?: string | null;
  measures: string[];
  dimensions?: string[];
  series?: string | null;
  filters?: Condition[];
  order?: Order[];
  limit?: number | null;
  width?: number;
  compare?: "previous" | "year" | null;
  good?: "up" | "down" | null;
  drill?: string[];
  latitude?: string | null;
  longitude?: string | null;
}

export interface ReportName {
  id: string;
  title: string;
  description?: string | null;
}

export interface Report extends ReportName {
  filters?: ReportFilter[];
  tiles: Tile[];
}

export interface Reports {
  reports: ReportName[];
  has_model: boolean;
}

export interface Run {
  id: string;
  event: string;
  attempt: number;
  started: string;
  milliseconds: number | null;
  outcome: "done" | "failed" | "released" | "running";
  rows_in: number | null;
  rows_out: number | null;
  rejects: number | null;
  reason?: string | null;
}

export interface Letter {
  id: string;
  event: string;
  step?: string | null;
  reason: string;
  at: string;
  row?: number | null;
}

export interface Overview {
  pipeline: string;
  version: string;
  healthy: boolean;
  events: { waiting: number; running: number; done: number; dead: number };
  dead_letters: number;
  runs: Run[];
  letters: Letter[];
}

/** What `wasmill report` puts in the page: a report, and the results of its tiles by their ids. */
export interface Saved {
  report: Report;
  model: Model;
  results: Record<string, Result>;
  made: string;
}
