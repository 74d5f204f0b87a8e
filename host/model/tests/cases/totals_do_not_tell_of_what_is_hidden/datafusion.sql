WITH "customers facts" AS (
SELECT
  COUNT("customers"."customer_count") AS "customer_count"
FROM (SELECT "country" AS "key country", 1 AS "customer_count" FROM "main"."customers") AS "customers"
LEFT JOIN (SELECT "code" AS "key code" FROM "countries" WHERE (continent IN ('Europe'))) AS "countries" ON "customers"."key country" = "countries"."key code"
WHERE ("customers"."key country" IS NULL OR "countries"."key code" IS NOT NULL)
),
"returns facts" AS (
SELECT
  SUM("returns"."refunds") AS "refunds"
FROM (SELECT "customer_id" AS "key customer_id", "amount" AS "refunds" FROM (SELECT r.* FROM returned AS r) AS "returns") AS "returns"
LEFT JOIN (SELECT "id" AS "key id", "country" AS "key country" FROM "main"."customers") AS "customers" ON "returns"."key customer_id" = "customers"."key id"
LEFT JOIN (SELECT "code" AS "key code" FROM "countries" WHERE (continent IN ('Europe'))) AS "countries" ON "customers"."key country" = "countries"."key code"
WHERE ("customers"."key country" IS NULL OR "countries"."key code" IS NOT NULL)
),
"all facts" AS (
SELECT MAX("customer_count") AS "customer_count", MAX("refunds") AS "refunds"
FROM (
  SELECT "customer_count", NULL AS "refunds" FROM "customers facts"
  UNION ALL
  SELECT NULL AS "customer_count", "refunds" FROM "returns facts"
) AS "facts"
),
"query results" AS (
SELECT COALESCE("customer_count", 0) AS "customer_count", COALESCE("refunds", 0) AS "refunds"
FROM "all facts"
)
SELECT "refunds", "customer_count"
FROM "query results"
