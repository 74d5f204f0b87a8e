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

/** Why a measure of some rows is what it is. */
export interface Why {
  measure: string;
  filters?: Condition[];
  time_range?: Range & { dimension: string };
  compare: Comparison;
  by?: string[];
  /** Causes that are left out, as they were answered. */
  exclude?: Values[];
}

/**
 * The mean of periods before; another time; the mean of a longer time without the one that is asked about; the mean of the
 * other values of a dimension, of which the filters have one.
 */
export type Comparison =
  | { with: "usual"; periods?: number }
  | { with: "period"; from: string; before: string }
  | { with: "rest"; from: string; before: string }
  | { with: "others"; name: string };

/** By dimension, which value. */
export type Values = Record<string, string | null>;

export interface Cause {
  rank: number;
  cause: Values;
  text: string;
  layer: number;
  actual: number | null;
  expected: number | null;
  /** By how much it moved the measure as a whole, and what share of the whole change that is. */
  impact: number | null;
  share: number | null;
  surprise: number | null;
  leaves: number;
  rows: number;
  confidence: number;
  sentence: string;
}

/** How the change divides among the values of a dimension: those that moved the measure most, and all others together. */
export interface Part {
  dimension: string;
  /** From the one with the greatest impact on. */
  values: PartValue[];
  /** The impact of all other values. */
  others: number;
}

export interface PartValue {
  value: string | null;
  actual: number | null;
  expected: number | null;
  impact: number | null;
  share: number | null;
  rows: number;
}

export interface Explanation {
  measure: string;
  title?: string | null;
  format?: Format | null;
  actual: number | null;
  expected: number | null;
  /** The answer, if there are no causes. */
  summary: string;
  by: string[];
  /** What it was compared with: the periods that have rows, what is before and after of a longer time, or how many other values. */
  periods: Range[];
  others: number | null;
  /** In the order of their ranks; none if nothing stands out. */
  causes: Cause[];
  /** By each dimension of `by`. A change of the mix is in no part: of a ratio, they may not be all of the change. */
  parts: Part[];
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
  /** The dimensions that causes may name, and those of them that are looked at if nobody chooses; null: it has no causes. */
  explain?: { dimensions: string[]; default: string[] } | null;
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
