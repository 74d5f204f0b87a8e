WITH "orders facts" AS (
SELECT
  CAST(date_trunc('month', "orders"."date") AS DATE) AS "date_month",
  SUM("orders"."revenue") AS "revenue"
FROM (SELECT "ordered_on" AS "date", "amount" AS "revenue" FROM "orders") AS "orders"
WHERE "orders"."date" >= DATE '2023-12-01'
GROUP BY 1
),
"orders by period" AS (
SELECT
  CAST(date_trunc('month', "orders"."date") AS DATE) AS "date_month",
  COUNT("orders"."mean_order") AS "mean_order count",
  SUM("orders"."mean_order") AS "mean_order sum",
  SUM("orders"."revenue") AS "revenue"
FROM (SELECT "ordered_on" AS "date", "amount" AS "mean_order", "amount" AS "revenue" FROM "orders") AS "orders"
WHERE ("orders"."date" >= DATE '2023-12-01' - INTERVAL '1 months' OR "orders"."date" >= DATE '2023-12-01' - INTERVAL '2 months')
GROUP BY 1
),
"orders buyers by period" AS (
SELECT
  CAST(date_trunc('month', "orders"."date") AS DATE) AS "date_month",
  "orders"."buyers" AS "buyers"
FROM (SELECT "ordered_on" AS "date", "customer_id" AS "buyers" FROM "orders") AS "orders"
WHERE ("orders"."date" >= DATE '2023-12-01' - INTERVAL '2 months')
GROUP BY 1, 2
),
"period bounds" AS (
SELECT DATE '2023-12-01' AS "first", MAX("period") AS "last"
FROM (
  SELECT "date_month" AS "period" FROM "orders facts"
  UNION ALL
  SELECT "date_month" AS "period" FROM "orders by period"
  UNION ALL
  SELECT "date_month" AS "period" FROM "orders buyers by period"
) AS "periods"
),
"all periods" AS (
SELECT unnest(generate_series("first", "last", INTERVAL '1 months')) AS "period"
FROM "period bounds"
),
"orders by period of 3" AS (
SELECT
  p."period" AS "date_month",
  CAST(SUM(f."mean_order sum") AS DOUBLE) / NULLIF(SUM(f."mean_order count"), 0) AS "mean_order of 3"
FROM "all periods" AS p
JOIN "orders by period" AS f ON f."date_month" >= p."period" - INTERVAL '2 months' AND f."date_month" <= p."period"
GROUP BY 1
),
"orders by period 1 before" AS (
SELECT
  p."period" AS "date_month",
  SUM(f."revenue") AS "revenue 1 before"
FROM "all periods" AS p
JOIN "orders by period" AS f ON f."date_month" = p."period" - INTERVAL '1 months'
GROUP BY 1
),
"orders buyers by period of 3" AS (
SELECT
  p."period" AS "date_month",
  COUNT(DISTINCT f."buyers") AS "buyers of 3"
FROM "all periods" AS p
JOIN "orders buyers by period" AS f ON f."date_month" >= p."period" - INTERVAL '2 months' AND f."date_month" <= p."period"
GROUP BY 1
),
"all facts" AS (
SELECT "date_month", MAX("revenue") AS "revenue", MAX("mean_order of 3") AS "mean_order of 3", MAX("revenue 1 before") AS "revenue 1 before", MAX("buyers of 3") AS "buyers of 3"
FROM (
  SELECT "date_month", "revenue", NULL AS "mean_order of 3", NULL AS "revenue 1 before", NULL AS "buyers of 3" FROM "orders facts"
  UNION ALL
  SELECT "date_month", NULL AS "revenue", "mean_order of 3", NULL AS "revenue 1 before", NULL AS "buyers of 3" FROM "orders by period of 3"
  UNION ALL
  SELECT "date_month", NULL AS "revenue", NULL AS "mean_order of 3", "revenue 1 before", NULL AS "buyers of 3" FROM "orders by period 1 before"
  UNION ALL
  SELECT "date_month", NULL AS "revenue", NULL AS "mean_order of 3", NULL AS "revenue 1 before", "buyers of 3" FROM "orders buyers by period of 3"
) AS "facts"
GROUP BY "date_month"
),
"query results" AS (
SELECT "date_month", COALESCE("buyers of 3", 0) AS "buyers_of_3", "mean_order of 3" AS "mean_order_of_3", COALESCE("revenue", 0) AS "revenue", (COALESCE("revenue", 0) - COALESCE("revenue 1 before", 0)) AS "revenue_change"
FROM "all facts"
)
SELECT "date_month", "revenue", "buyers_of_3", "mean_order_of_3", "revenue_change"
FROM "query results"
ORDER BY "date_month" ASC NULLS LAST
