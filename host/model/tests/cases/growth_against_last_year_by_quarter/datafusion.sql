WITH "orders facts" AS (
SELECT
  CAST(date_trunc('quarter', "orders"."date") AS DATE) AS "date_quarter",
  SUM("orders"."revenue") AS "revenue"
FROM (SELECT "ordered_on" AS "date", "amount" AS "revenue" FROM "orders") AS "orders"
GROUP BY 1
),
"orders by period" AS (
SELECT
  CAST(date_trunc('quarter', "orders"."date") AS DATE) AS "date_quarter",
  SUM("orders"."revenue") AS "revenue"
FROM (SELECT "ordered_on" AS "date", "amount" AS "revenue" FROM "orders") AS "orders"
GROUP BY 1
),
"period bounds" AS (
SELECT MIN("period") AS "first", MAX("period") AS "last"
FROM (
  SELECT "date_quarter" AS "period" FROM "orders facts"
  UNION ALL
  SELECT "date_quarter" AS "period" FROM "orders by period"
) AS "periods"
),
"all periods" AS (
SELECT unnest(generate_series("first", "last", INTERVAL '3 months')) AS "period"
FROM "period bounds"
),
"orders by period 1 years before" AS (
SELECT
  p."period" AS "date_quarter",
  SUM(f."revenue") AS "revenue 1 years before"
FROM "all periods" AS p
JOIN "orders by period" AS f ON f."date_quarter" = p."period" - INTERVAL '12 months'
GROUP BY 1
),
"all facts" AS (
SELECT "date_quarter", MAX("revenue") AS "revenue", MAX("revenue 1 years before") AS "revenue 1 years before"
FROM (
  SELECT "date_quarter", "revenue", NULL AS "revenue 1 years before" FROM "orders facts"
  UNION ALL
  SELECT "date_quarter", NULL AS "revenue", "revenue 1 years before" FROM "orders by period 1 years before"
) AS "facts"
GROUP BY "date_quarter"
),
"query results" AS (
SELECT "date_quarter", COALESCE("revenue", 0) AS "revenue", (CAST((COALESCE("revenue", 0) - COALESCE("revenue 1 years before", 0)) AS DOUBLE) / NULLIF(COALESCE("revenue 1 years before", 0), 0)) AS "revenue_growth"
FROM "all facts"
)
SELECT "date_quarter", "revenue", "revenue_growth"
FROM "query results"
ORDER BY "date_quarter" ASC NULLS LAST
