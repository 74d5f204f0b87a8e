WITH "flights facts" AS (
SELECT
  date_trunc('hour', "flights"."departure") AS "departure_hour",
  SUM("flights"."seats") AS "seats"
FROM (SELECT "left_at" AS "departure", "Seats" AS "seats" FROM "flights") AS "flights"
WHERE "flights"."departure" >= TIMESTAMP '2024-02-28 08:30:00' AND "flights"."departure" < TIMESTAMP '2024-03-01 00:00:00'
GROUP BY 1
),
"query results" AS (
SELECT "departure_hour", COALESCE("seats", 0) AS "seats"
FROM "flights facts"
)
SELECT "departure_hour", "seats"
FROM "query results"
ORDER BY "departure_hour" ASC NULLS LAST
