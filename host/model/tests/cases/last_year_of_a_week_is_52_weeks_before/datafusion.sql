WITH "orders by period" AS (
SELECT
  CAST(date_trunc('week', "orders"."date") AS DATE) AS "date_week",
  SUM("orders"."revenue") AS "revenue"
FROM (SELECT "ordered_on" AS "date", "amount" AS "revenue" FROM "orders") AS "orders"
WHERE "orders"."date" < DATE '2024-03-11' AND ("orders"."date" >= DATE '2024-01-01' - INTERVAL '364 days')
GROUP BY 1
),
"period bounds" AS (
SELECT DATE '2024-01-01' AS "first", DATE '2024-03-04' AS "last"
),
"all periods" AS (
SELECT unnest(generate_series("first", "last", INTERVAL '7 days')) AS "period"
FROM "period bounds"
),
"orders by period 1 years before" AS (
SELECT
  p."period" AS "date_week",
  SUM(f."revenue") AS "revenue 1 years before"
FROM "all periods" AS p
JOIN "orders by period" AS f ON f."date_week" = p."period" - INTERVAL '364 days'
GROUP BY 1
),
"query results" AS (
SELECT "date_week", COALESCE("revenue 1 years before", 0) AS "revenue_last_year"
FROM "orders by period 1 years before"
)
SELECT "date_week", "revenue_last_year"
FROM "query results"
ORDER BY "date_week" ASC NULLS LAST
