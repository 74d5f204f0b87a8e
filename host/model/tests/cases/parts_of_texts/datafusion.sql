WITH "orders facts" AS (
SELECT
  "countries"."country" AS "country",
  COUNT("orders"."order_count") AS "order_count"
FROM (SELECT "customer_id" AS "key customer_id", 1 AS "order_count" FROM "orders") AS "orders"
LEFT JOIN (SELECT "id" AS "key id", "country" AS "key country" FROM "main"."customers") AS "customers" ON "orders"."key customer_id" = "customers"."key id"
LEFT JOIN (SELECT "code" AS "key code", "name" AS "country" FROM "countries") AS "countries" ON "customers"."key country" = "countries"."key code"
WHERE strpos("countries"."country", 'an') > 0 AND starts_with("countries"."country", 'Ger')
GROUP BY 1
),
"query results" AS (
SELECT "country", COALESCE("order_count", 0) AS "order_count"
FROM "orders facts"
)
SELECT "country", "order_count"
FROM "query results"
ORDER BY "country" ASC NULLS LAST
