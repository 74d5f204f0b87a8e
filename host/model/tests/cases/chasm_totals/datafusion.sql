WITH "order_lines facts" AS (
SELECT
  SUM("order_lines"."items") AS "items"
FROM (SELECT "quantity" AS "items" FROM "order_lines") AS "order_lines"
),
"orders facts" AS (
SELECT
  SUM("orders"."revenue") AS "revenue"
FROM (SELECT "amount" AS "revenue" FROM "orders") AS "orders"
),
"returns facts" AS (
SELECT
  SUM("returns"."refunds") AS "refunds"
FROM (SELECT "amount" AS "refunds" FROM (SELECT r.* FROM returned AS r) AS "returns") AS "returns"
),
"all facts" AS (
SELECT MAX("items") AS "items", MAX("revenue") AS "revenue", MAX("refunds") AS "refunds"
FROM (
  SELECT "items", NULL AS "revenue", NULL AS "refunds" FROM "order_lines facts"
  UNION ALL
  SELECT NULL AS "items", "revenue", NULL AS "refunds" FROM "orders facts"
  UNION ALL
  SELECT NULL AS "items", NULL AS "revenue", "refunds" FROM "returns facts"
) AS "facts"
),
"query results" AS (
SELECT COALESCE("items", 0) AS "items", COALESCE("refunds", 0) AS "refunds", COALESCE("revenue", 0) AS "revenue"
FROM "all facts"
)
SELECT "revenue", "refunds", "items"
FROM "query results"
