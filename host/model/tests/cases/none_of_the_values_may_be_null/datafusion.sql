WITH "orders facts" AS (
SELECT
  "countries"."country" AS "country",
  SUM("orders"."revenue") AS "revenue"
FROM (SELECT "customer_id" AS "key customer_id", "amount" AS "revenue" FROM "orders") AS "orders"
LEFT JOIN (SELECT "id" AS "key id", "country" AS "key country" FROM "main"."customers") AS "customers" ON "orders"."key customer_id" = "customers"."key id"
LEFT JOIN (SELECT "code" AS "key code", "name" AS "country" FROM "countries") AS "countries" ON "customers"."key country" = "countries"."key code"
WHERE ("countries"."country" IS NULL OR "countries"."country" NOT IN ('Germany', 'O''Hara'))
GROUP BY 1
),
"query results" AS (
SELECT "country", COALESCE("revenue", 0) AS "revenue"
FROM "orders facts"
)
SELECT "country", "revenue"
FROM "query results"
ORDER BY "country" ASC NULLS LAST
