WITH "customers facts" AS (
SELECT
  "countries"."continent" AS "continent",
  COUNT("customers"."customer_count") AS "customer_count"
FROM (SELECT "country" AS "key country", 1 AS "customer_count" FROM "main"."customers") AS "customers"
LEFT JOIN (SELECT "code" AS "key code", "continent" AS "continent" FROM "countries") AS "countries" ON "customers"."key country" = "countries"."key code"
GROUP BY 1
),
"orders facts" AS (
SELECT
  "countries"."continent" AS "continent",
  COUNT(DISTINCT "orders"."buyers") AS "buyers"
FROM (SELECT "customer_id" AS "key customer_id", "customer_id" AS "buyers" FROM "orders") AS "orders"
LEFT JOIN (SELECT "id" AS "key id", "country" AS "key country" FROM "main"."customers") AS "customers" ON "orders"."key customer_id" = "customers"."key id"
LEFT JOIN (SELECT "code" AS "key code", "continent" AS "continent" FROM "countries") AS "countries" ON "customers"."key country" = "countries"."key code"
GROUP BY 1
),
"all facts" AS (
SELECT "continent", MAX("customer_count") AS "customer_count", MAX("buyers") AS "buyers"
FROM (
  SELECT "continent", "customer_count", NULL AS "buyers" FROM "customers facts"
  UNION ALL
  SELECT "continent", NULL AS "customer_count", "buyers" FROM "orders facts"
) AS "facts"
GROUP BY "continent"
),
"query results" AS (
SELECT "continent", COALESCE("buyers", 0) AS "buyers", COALESCE("customer_count", 0) AS "customer_count"
FROM "all facts"
)
SELECT "continent", "buyers", "customer_count"
FROM "query results"
ORDER BY "continent" ASC NULLS LAST
