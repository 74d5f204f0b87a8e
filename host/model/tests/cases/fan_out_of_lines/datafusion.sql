WITH "order_lines facts" AS (
SELECT
  "orders"."status" AS "status",
  SUM("order_lines"."items") AS "items"
FROM (SELECT "order_id" AS "key order_id", "quantity" AS "items" FROM "order_lines") AS "order_lines"
LEFT JOIN (SELECT "order_id" AS "key order_id", "status" AS "status" FROM "orders") AS "orders" ON "order_lines"."key order_id" = "orders"."key order_id"
GROUP BY 1
),
"orders facts" AS (
SELECT
  "orders"."status" AS "status",
  COUNT("orders"."order_count") AS "order_count",
  SUM("orders"."revenue") AS "revenue"
FROM (SELECT "status" AS "status", 1 AS "order_count", "amount" AS "revenue" FROM "orders") AS "orders"
GROUP BY 1
),
"all facts" AS (
SELECT "status", MAX("items") AS "items", MAX("order_count") AS "order_count", MAX("revenue") AS "revenue"
FROM (
  SELECT "status", "items", NULL AS "order_count", NULL AS "revenue" FROM "order_lines facts"
  UNION ALL
  SELECT "status", NULL AS "items", "order_count", "revenue" FROM "orders facts"
) AS "facts"
GROUP BY "status"
),
"query results" AS (
SELECT "status", COALESCE("items", 0) AS "items", COALESCE("order_count", 0) AS "order_count", COALESCE("revenue", 0) AS "revenue"
FROM "all facts"
)
SELECT "status", "revenue", "items", "order_count"
FROM "query results"
ORDER BY "status" ASC NULLS LAST
