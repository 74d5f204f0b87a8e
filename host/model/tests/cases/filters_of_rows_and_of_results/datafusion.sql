WITH "orders facts" AS (
SELECT
  "customers"."customer" AS "customer",
  COUNT("orders"."order_count") AS "order_count",
  SUM("orders"."revenue") AS "revenue"
FROM (SELECT "customer_id" AS "key customer_id", "ordered_on" AS "date", 1 AS "order_count", "amount" AS "revenue" FROM "orders") AS "orders"
LEFT JOIN (SELECT "id" AS "key id", "name" AS "customer", "country" AS "key country" FROM "main"."customers") AS "customers" ON "orders"."key customer_id" = "customers"."key id"
LEFT JOIN (SELECT "code" AS "key code", "continent" AS "continent" FROM "countries") AS "countries" ON "customers"."key country" = "countries"."key code"
WHERE "countries"."continent" IN ('Europe') AND "orders"."date" < DATE '2024-03-01'
GROUP BY 1
),
"query results" AS (
SELECT "customer", COALESCE("order_count", 0) AS "order_count", COALESCE("revenue", 0) AS "revenue"
FROM "orders facts"
)
SELECT "customer", "revenue"
FROM "query results"
WHERE "order_count" > 1
ORDER BY "customer" ASC NULLS LAST
