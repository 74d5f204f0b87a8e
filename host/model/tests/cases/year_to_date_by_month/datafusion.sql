WITH "orders facts" AS (
SELECT
  CAST(date_trunc('month', "orders"."date") AS DATE) AS "date_month",
  SUM("orders"."revenue") AS "revenue"
FROM (SELECT "ordered_on" AS "date", "amount" AS "revenue" FROM "orders") AS "orders"
WHERE "orders"."date" >= DATE '2024-01-01' AND "orders"."date" < DATE '2024-06-01'
GROUP BY 1
),
"orders by period" AS (
SELECT
  CAST(date_trunc('month', "orders"."date") AS DATE) AS "date_month",
  SUM("orders"."revenue") AS "revenue"
FROM (SELECT "ordered_on" AS "date", "amount" AS "revenue" FROM "orders") AS "orders"
WHERE "orders"."date" < DATE '2024-06-01' AND ("orders"."date" >= CAST(date_trunc('year', DATE '2024-01-01' - INTERVAL '12 months') AS DATE) OR "orders"."date" >= CAST(date_trunc('year', DATE '2024-01-01') AS DATE) OR "orders"."date" >= DATE '2024-01-01' - INTERVAL '12 months')
GROUP BY 1
),
"period bounds" AS (
SELECT DATE '2024-01-01' AS "first", DATE '2024-05-01' AS "last"
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
"orders by period 1 years before" AS (
SELECT
  p."period" AS "date_month",
  SUM(f."revenue") AS "revenue 1 years before"
FROM "all periods" AS p
JOIN "orders by period" AS f ON f."date_month" = p."period" - INTERVAL '12 months'
GROUP BY 1
),
"orders by period to date 1 years before" AS (
SELECT
  p."period" AS "date_month",
  SUM(f."revenue") AS "revenue to date 1 years before"
FROM "all periods" AS p
JOIN "orders by period" AS f ON f."date_month" >= CAST(date_trunc('year', p."period" - INTERVAL '12 months') AS DATE) AND f."date_month" <= p."period" - INTERVAL '12 months'
GROUP BY 1
),
"all facts" AS (
SELECT "date_month", MAX("revenue") AS "revenue", MAX("revenue to date") AS "revenue to date", MAX("revenue 1 years before") AS "revenue 1 years before", MAX("revenue to date 1 years before") AS "revenue to date 1 years before"
FROM (
  SELECT "date_month", "revenue", NULL AS "revenue to date", NULL AS "revenue 1 years before", NULL AS "revenue to date 1 years before" FROM "orders facts"
  UNION ALL
  SELECT "date_month", NULL AS "revenue", "revenue to date", NULL AS "revenue 1 years before", NULL AS "revenue to date 1 years before" FROM "orders by period to date"
  UNION ALL
  SELECT "date_month", NULL AS "revenue", NULL AS "revenue to date", "revenue 1 years before", NULL AS "revenue to date 1 years before" FROM "orders by period 1 years before"
  UNION ALL
  SELECT "date_month", NULL AS "revenue", NULL AS "revenue to date", NULL AS "revenue 1 years before", "revenue to date 1 years before" FROM "orders by period to date 1 years before"
) AS "facts"
GROUP BY "date_month"
),
"query results" AS (
SELECT "date_month", COALESCE("revenue", 0) AS "revenue", COALESCE("revenue 1 years before", 0) AS "revenue_last_year", COALESCE("revenue to date", 0) AS "revenue_to_date", COALESCE("revenue to date 1 years before", 0) AS "revenue_to_date_last_year"
FROM "all facts"
)
SELECT "date_month", "revenue", "revenue_to_date", "revenue_last_year", "revenue_to_date_last_year"
FROM "query results"
ORDER BY "date_month" ASC NULLS LAST
