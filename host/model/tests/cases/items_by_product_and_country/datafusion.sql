WITH "order_lines facts" AS (
SELECT
  "order_lines"."product" AS "product",
  "countries"."continent" AS "continent",
  SUM("order_lines"."items") AS "items"
FROM (SELECT (upper(product)) AS "product", "order_id" AS "key order_id", "quantity" AS "items" FROM "order_lines") AS "order_lines"
LEFT JOIN (SELECT "order_id" AS "key order_id", "customer_id" AS "key customer_id" FROM "orders") AS "orders" ON "order_lines"."key order_id" = "orders"."key order_id"
LEFT JOIN (SELECT "id" AS "key id", "country" AS "key country" FROM "main"."customers") AS "customers" ON "orders"."key customer_id" = "customers"."key id"
LEFT JOIN (SELECT "code" AS "key code", "continent" AS "continent" FROM "countries") AS "countries" ON "customers"."key country" = "countries"."key code"
GROUP BY 1, 2
),
"query results" AS (
SELECT "product", "continent", COALESCE("items", 0) AS "items"
FROM "order_lines facts"
)
SELECT "product", "continent", "items"
FROM "query results"
ORDER BY "items" DESC NULLS LAST, "product" ASC NULLS LAST, "continent" ASC NULLS LAST
LIMIT 3
