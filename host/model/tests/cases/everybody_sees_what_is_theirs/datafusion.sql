WITH "order_lines facts" AS (
SELECT
  "countries"."country" AS "country",
  SUM("order_lines"."items") AS "items"
FROM (SELECT "order_id" AS "key order_id", "quantity" AS "items" FROM "order_lines") AS "order_lines"
LEFT JOIN (SELECT "order_id" AS "key order_id", "customer_id" AS "key customer_id" FROM "orders" WHERE (tenant = 'b')) AS "orders" ON "order_lines"."key order_id" = "orders"."key order_id"
LEFT JOIN (SELECT "id" AS "key id", "country" AS "key country" FROM "main"."customers") AS "customers" ON "orders"."key customer_id" = "customers"."key id"
LEFT JOIN (SELECT "code" AS "key code", "name" AS "country" FROM "countries" WHERE (continent IN ('Europe'))) AS "countries" ON "customers"."key country" = "countries"."key code"
WHERE ("customers"."key country" IS NULL OR "countries"."key code" IS NOT NULL) AND ("order_lines"."key order_id" IS NULL OR "orders"."key order_id" IS NOT NULL)
GROUP BY 1
),
"orders facts" AS (
SELECT
  "countries"."country" AS "country",
  SUM("orders"."revenue") AS "revenue"
FROM (SELECT "customer_id" AS "key customer_id", "amount" AS "revenue" FROM "orders" WHERE (tenant = 'b')) AS "orders"
LEFT JOIN (SELECT "id" AS "key id", "country" AS "key country" FROM "main"."customers") AS "customers" ON "orders"."key customer_id" = "customers"."key id"
LEFT JOIN (SELECT "code" AS "key code", "name" AS "country" FROM "countries" WHERE (continent IN ('Europe'))) AS "countries" ON "customers"."key country" = "countries"."key code"
WHERE ("customers"."key country" IS NULL OR "countries"."key code" IS NOT NULL)
GROUP BY 1
),
"returns facts" AS (
SELECT
  "countries"."country" AS "country",
  SUM("returns"."refunds") AS "refunds"
FROM (SELECT "customer_id" AS "key customer_id", "amount" AS "refunds" FROM (SELECT r.* FROM returned AS r) AS "returns") AS "returns"
LEFT JOIN (SELECT "id" AS "key id", "country" AS "key country" FROM "main"."customers") AS "customers" ON "returns"."key customer_id" = "customers"."key id"
LEFT JOIN (SELECT "code" AS "key code", "name" AS "country" FROM "countries" WHERE (continent IN ('Europe'))) AS "countries" ON "customers"."key country" = "countries"."key code"
WHERE ("customers"."key country" IS NULL OR "countries"."key code" IS NOT NULL)
GROUP BY 1
),
"all facts" AS (
SELECT "country", MAX("items") AS "items", MAX("revenue") AS "revenue", MAX("refunds") AS "refunds"
FROM (
  SELECT "country", "items", NULL AS "revenue", NULL AS "refunds" FROM "order_lines facts"
  UNION ALL
  SELECT "country", NULL AS "items", "revenue", NULL AS "refunds" FROM "orders facts"
  UNION ALL
  SELECT "country", NULL AS "items", NULL AS "revenue", "refunds" FROM "returns facts"
) AS "facts"
GROUP BY "country"
),
"query results" AS (
SELECT "country", COALESCE("items", 0) AS "items", COALESCE("refunds", 0) AS "refunds", COALESCE("revenue", 0) AS "revenue"
FROM "all facts"
)
SELECT "country", "revenue", "refunds", "items"
FROM "query results"
ORDER BY "country" ASC NULLS LAST
