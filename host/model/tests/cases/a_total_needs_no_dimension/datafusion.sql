WITH "orders facts" AS (
SELECT
  COUNT("orders"."order_count") AS "order_count",
  SUM("orders"."revenue") AS "revenue"
FROM (SELECT 1 AS "order_count", "amount" AS "revenue" FROM "orders") AS "orders"
),
"query results" AS (
SELECT COALESCE("order_count", 0) AS "order_count", COALESCE("revenue", 0) AS "revenue"
FROM "orders facts"
)
SELECT "revenue", "order_count"
FROM "query results"
