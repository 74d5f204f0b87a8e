WITH "orders by period" AS (
SELECT
  CAST(date_trunc('quarter', "orders"."date") AS DATE) AS "date_quarter",
  "countries"."country" AS "country",
  SUM("orders"."revenue") AS "revenue"
FROM (SELECT "ordered_on" AS "date", "customer_id" AS "key customer_id", "amount" AS "revenue" FROM "orders") AS "orders"
LEFT JOIN (SELECT "id" AS "key id", "country" AS "key country" FROM "main"."customers") AS "customers" ON "orders"."key customer_id" = "customers"."key id"
LEFT JOIN (SELECT "code" AS "key code", "name" AS "country" FROM "countries") AS "countries" ON "customers"."key country" = "countries"."key code"
WHERE "orders"."date" < DATE '2024-10-01' AND ("orders"."date" >= CAST(date_trunc('year', DATE '2024-01-01') AS DATE))
GROUP BY 1, 2
),
"period bounds" AS (
SELECT DATE '2024-01-01' AS "first", DATE '2024-07-01' AS "last"
),
"all periods" AS (
SELECT unnest(generate_series("first", "last", INTERVAL '3 months')) AS "period"
FROM "period bounds"
),
"orders by period to date" AS (
SELECT
  p."period" AS "date_quarter",
  f."country" AS "country",
  SUM(f."revenue") AS "revenue to date"
FROM "all periods" AS p
JOIN "orders by period" AS f ON f."date_quarter" >= CAST(date_trunc('year', p."period") AS DATE) AND f."date_quarter" <= p."period"
GROUP BY 1, 2
),
"query results" AS (
SELECT "date_quarter", "country", COALESCE("revenue to date", 0) AS "revenue_to_date"
FROM "orders by period to date"
)
SELECT "date_quarter", "country", "revenue_to_date"
FROM "query results"
ORDER BY "country" ASC NULLS LAST, "date_quarter" ASC NULLS LAST
