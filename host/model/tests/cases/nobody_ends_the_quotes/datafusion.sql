WITH "orders facts" AS (
SELECT
  SUM("orders"."revenue") AS "revenue"
FROM (SELECT "customer_id" AS "key customer_id", "amount" AS "revenue" FROM "orders" WHERE (tenant = ''' OR ''''=''')) AS "orders"
LEFT JOIN (SELECT "id" AS "key id", "country" AS "key country" FROM "main"."customers") AS "customers" ON "orders"."key customer_id" = "customers"."key id"
LEFT JOIN (SELECT "code" AS "key code" FROM "countries" WHERE (continent IN ('Europe'))) AS "countries" ON "customers"."key country" = "countries"."key code"
WHERE ("customers"."key country" IS NULL OR "countries"."key code" IS NOT NULL)
),
"query results" AS (
SELECT COALESCE("revenue", 0) AS "revenue"
FROM "orders facts"
)
SELECT "revenue"
FROM "query results"
