WITH "orders by period" AS (
SELECT
  CAST(date_trunc('month', "orders"."date") AS DATE) AS "date_month",
  SUM("orders"."revenue") AS "revenue"
FROM (SELECT "ordered_on" AS "date", "amount" AS "revenue" FROM "orders") AS "orders"
WHERE "orders"."date" < DATE '2024-05-01' AND ("orders"."date" >= CAST(date_trunc('year', DATE '2024-01-01') AS DATE))
GROUP BY 1
),
"returns by period" AS (
SELECT
  CAST(date_trunc('month', "returns"."date") AS DATE) AS "date_month",
  SUM("returns"."refunds") AS "refunds"
FROM (SELECT "returned_on" AS "date", "amount" AS "refunds" FROM (SELECT r.* FROM returned AS r) AS "returns") AS "returns"
WHERE "returns"."date" < DATE '2024-05-01' AND ("returns"."date" >= CAST(date_trunc('year', DATE '2024-01-01') AS DATE))
GROUP BY 1
),
"period bounds" AS (
SELECT DATE '2024-01-01' AS "first", DATE '2024-04-01' AS "last"
),
"all periods" AS (
SELECT unnest(generate_series("first", "last", INTERVAL '1 months')) AS "period"
FROM "period bounds"
),
"orders by period to date" AS (
SELECT
  p."period" AS "date_month",
  SUM(f."revenue") AS "revenue to date"
FROM "all periods" AS p
JOIN "orders by period" AS f ON f."date_month" >= CAST(date_trunc('year', p."period") AS DATE) AND f."date_month" <= p."period"
GROUP BY 1
),
"returns by period to date" AS (
SELECT
  p."period" AS "date_month",
  SUM(f."refunds") AS "refunds to date"
FROM "all periods" AS p
JOIN "returns by period" AS f ON f."date_month" >= CAST(date_trunc('year', p."period") AS DATE) AND f."date_month" <= p."period"
GROUP BY 1
),
"all facts" AS (
SELECT "date_month", MAX("revenue to date") AS "revenue to date", MAX("refunds to date") AS "refunds to date"
FROM (
  SELECT "date_month", "revenue to date", NULL AS "refunds to date" FROM "orders by period to date"
  UNION ALL
  SELECT "date_month", NULL AS "revenue to date", "refunds to date" FROM "returns by period to date"
) AS "facts"
GROUP BY "date_month"
),
"query results" AS (
SELECT "date_month", (CAST(COALESCE("refunds to date", 0) AS DOUBLE) / NULLIF(COALESCE("revenue to date", 0), 0)) AS "refund_rate_to_date"
FROM "all facts"
)
SELECT "date_month", "refund_rate_to_date"
FROM "query results"
ORDER BY "date_month" ASC NULLS LAST
