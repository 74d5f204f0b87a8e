WITH "orders facts" AS (
SELECT
  "customers"."customer" AS "customer",
  SUM("orders"."revenue") AS "revenue"
FROM (SELECT "customer_id" AS "key customer_id", "amount" AS "revenue" FROM "orders") AS "orders"
LEFT JOIN (SELECT "id" AS "key id", "name" AS "customer" FROM "main"."customers") AS "customers" ON "orders"."key customer_id" = "customers"."key id"
GROUP BY 1
),
"query results" AS (
SELECT "customer", COALESCE("revenue", 0) AS "revenue"
FROM "orders facts"
)
SELECT "customer", "revenue"
FROM "query results"
ORDER BY "revenue" DESC NULLS LAST, "customer" ASC NULLS LAST
LIMIT 2 OFFSET 1
