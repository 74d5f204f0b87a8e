WITH "flights facts" AS (
SELECT
  CAST(date_trunc('day', "flights"."departure") AS DATE) AS "departure_day",
  SUM("flights"."seats") AS "seats"
FROM (SELECT "left_at" AS "departure", "Seats" AS "seats" FROM "flights") AS "flights"
WHERE "flights"."departure" >= TIMESTAMP '2024-02-28 00:00:00' AND "flights"."departure" < TIMESTAMP '2024-03-03 00:00:00'
GROUP BY 1
),
"flights by period" AS (
SELECT
  CAST(date_trunc('day', "flights"."departure") AS DATE) AS "departure_day",
  SUM("flights"."seats") AS "seats"
FROM (SELECT "left_at" AS "departure", "Seats" AS "seats" FROM "flights") AS "flights"
WHERE "flights"."departure" < TIMESTAMP '2024-03-03 00:00:00' AND ("flights"."departure" >= DATE '2024-02-28' - INTERVAL '1 days' OR "flights"."departure" >= DATE '2024-02-28' - INTERVAL '12 months')
GROUP BY 1
),
"period bounds" AS (
SELECT DATE '2024-02-28' AS "first", DATE '2024-03-02' AS "last"
),
"all periods" AS (
SELECT unnest(generate_series("first", "last", INTERVAL '1 days')) AS "period"
FROM "period bounds"
),
"flights by period of 2" AS (
SELECT
  p."period" AS "departure_day",
  SUM(f."seats") AS "seats of 2"
FROM "all periods" AS p
JOIN "flights by period" AS f ON f."departure_day" >= p."period" - INTERVAL '1 days' AND f."departure_day" <= p."period"
GROUP BY 1
),
"flights by period 1 years before" AS (
SELECT
  p."period" AS "departure_day",
  SUM(f."seats") AS "seats 1 years before"
FROM "all periods" AS p
JOIN "flights by period" AS f ON f."departure_day" = p."period" - INTERVAL '12 months'
GROUP BY 1
),
"all facts" AS (
SELECT "departure_day", MAX("seats") AS "seats", MAX("seats of 2") AS "seats of 2", MAX("seats 1 years before") AS "seats 1 years before"
FROM (
  SELECT "departure_day", "seats", NULL AS "seats of 2", NULL AS "seats 1 years before" FROM "flights facts"
  UNION ALL
  SELECT "departure_day", NULL AS "seats", "seats of 2", NULL AS "seats 1 years before" FROM "flights by period of 2"
  UNION ALL
  SELECT "departure_day", NULL AS "seats", NULL AS "seats of 2", "seats 1 years before" FROM "flights by period 1 years before"
) AS "facts"
GROUP BY "departure_day"
),
"query results" AS (
SELECT "departure_day", COALESCE("seats", 0) AS "seats", COALESCE("seats 1 years before", 0) AS "seats_last_year", COALESCE("seats of 2", 0) AS "seats_of_2"
FROM "all facts"
)
SELECT "departure_day", "seats", "seats_last_year", "seats_of_2"
FROM "query results"
ORDER BY "departure_day" ASC NULLS LAST
