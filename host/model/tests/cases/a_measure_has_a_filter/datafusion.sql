WITH "orders facts" AS (
SELECT
  "countries"."country" AS "country",
  SUM("orders"."paid") AS "paid",
  SUM("orders"."revenue") AS "revenue"
FROM (SELECT "customer_id" AS "key customer_id", CASE WHEN (status = 'paid') THEN "amount" END AS "paid", "amount" AS "revenue" FROM "orders") AS "orders"
LEFT JOIN (SELECT "id" AS "key id", "country" AS "key country" FROM "main"."customers") AS "customers" ON "orders"."key customer_id" = "customers"."key id"
LEFT JOIN (SELECT "code" AS "key code", "name" AS "country" FROM "countries") AS "countries" ON "customers"."key country" = "countries"."key code"
GROUP BY 1
),
"query results" AS (
SELECT "country", COALESCE("paid", 0) AS "paid", COALESCE("revenue", 0) AS "revenue"
FROM "orders facts"
)
SELECT "country", "paid", "revenue"
FROM "query results"
ORDER BY "country" ASC NULLS LAST
