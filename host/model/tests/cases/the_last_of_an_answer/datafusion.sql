WITH "orders facts" AS (
SELECT
  CAST(date_trunc('year', "orders"."date") AS DATE) AS "date_year",
  "orders"."status" AS "status",
  SUM("orders"."paid") AS "paid"
FROM (SELECT "ordered_on" AS "date", "status" AS "status", CASE WHEN (status = 'paid') THEN "amount" END AS "paid" FROM "orders") AS "orders"
GROUP BY 1, 2
),
"query results" AS (
SELECT "date_year", "status", COALESCE("paid", 0) AS "paid"
FROM "orders facts"
)
SELECT "date_year", "status", "paid"
FROM "query results"
ORDER BY "date_year" DESC NULLS LAST, "status" ASC NULLS LAST
LIMIT 9223372036854775807 OFFSET 2
