WITH "orders facts" AS (
SELECT
  CAST(date_trunc('year', "orders"."date") AS DATE) AS "date_year",
  MAX("orders"."largest_order") AS "largest_order",
  AVG("orders"."mean_order") AS "mean_order",
  SUM("orders"."revenue") AS "revenue"
FROM (SELECT "ordered_on" AS "date", "amount" AS "largest_order", "amount" AS "mean_order", "amount" AS "revenue" FROM "orders") AS "orders"
GROUP BY 1
),
"returns facts" AS (
SELECT
  CAST(date_trunc('year', "returns"."date") AS DATE) AS "date_year",
  SUM("returns"."refunds") AS "refunds"
FROM (SELECT "returned_on" AS "date", "amount" AS "refunds" FROM (SELECT r.* FROM returned AS r) AS "returns") AS "returns"
GROUP BY 1
),
"all facts" AS (
SELECT "date_year", MAX("largest_order") AS "largest_order", MAX("mean_order") AS "mean_order", MAX("revenue") AS "revenue", MAX("refunds") AS "refunds"
FROM (
  SELECT "date_year", "largest_order", "mean_order", "revenue", NULL AS "refunds" FROM "orders facts"
  UNION ALL
  SELECT "date_year", NULL AS "largest_order", NULL AS "mean_order", NULL AS "revenue", "refunds" FROM "returns facts"
) AS "facts"
GROUP BY "date_year"
),
"query results" AS (
SELECT "date_year", "largest_order" AS "largest_order", "mean_order" AS "mean_order", (CAST(COALESCE("refunds", 0) AS DOUBLE) / NULLIF(COALESCE("revenue", 0), 0)) AS "refund_rate"
FROM "all facts"
)
SELECT "date_year", "refund_rate", "mean_order", "largest_order"
FROM "query results"
ORDER BY "date_year" ASC NULLS LAST
