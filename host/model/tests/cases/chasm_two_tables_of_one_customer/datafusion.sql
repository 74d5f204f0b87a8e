WITH "orders facts" AS (
SELECT
  "customers"."customer" AS "customer",
  SUM("orders"."revenue") AS "revenue"
FROM (SELECT "customer_id" AS "key customer_id", "amount" AS "revenue" FROM "orders") AS "orders"
LEFT JOIN (SELECT "id" AS "key id", "name" AS "customer" FROM "main"."customers") AS "customers" ON "orders"."key customer_id" = "customers"."key id"
GROUP BY 1
),
"returns facts" AS (
SELECT
  "customers"."customer" AS "customer",
  SUM("returns"."refunds") AS "refunds"
FROM (SELECT "customer_id" AS "key customer_id", "amount" AS "refunds" FROM (SELECT r.* FROM returned AS r) AS "returns") AS "returns"
LEFT JOIN (SELECT "id" AS "key id", "name" AS "customer" FROM "main"."customers") AS "customers" ON "returns"."key customer_id" = "customers"."key id"
GROUP BY 1
),
"all facts" AS (
SELECT "customer", MAX("revenue") AS "revenue", MAX("refunds") AS "refunds"
FROM (
  SELECT "customer", "revenue", NULL AS "refunds" FROM "orders facts"
  UNION ALL
  SELECT "customer", NULL AS "revenue", "refunds" FROM "returns facts"
) AS "facts"
GROUP BY "customer"
),
"query results" AS (
SELECT "customer", (COALESCE("revenue", 0) - COALESCE("refunds", 0)) AS "net", (CAST(COALESCE("refunds", 0) AS DOUBLE) / NULLIF(COALESCE("revenue", 0), 0)) AS "refund_rate", COALESCE("refunds", 0) AS "refunds", COALESCE("revenue", 0) AS "revenue"
FROM "all facts"
)
SELECT "customer", "revenue", "refunds", "net", "refund_rate"
FROM "query results"
ORDER BY "customer" ASC NULLS LAST
