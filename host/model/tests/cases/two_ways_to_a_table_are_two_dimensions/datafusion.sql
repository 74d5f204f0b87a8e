WITH "flights facts" AS (
SELECT
  "airports"."from_city" AS "from_city",
  "airports 2"."to_city" AS "to_city",
  COUNT("flights"."flown") AS "flown"
FROM (SELECT "origin" AS "key origin", "destination" AS "key destination", 1 AS "flown" FROM "flights") AS "flights"
LEFT JOIN (SELECT "code" AS "key code", "city" AS "from_city" FROM "airports") AS "airports" ON "flights"."key origin" = "airports"."key code"
LEFT JOIN (SELECT "code" AS "key code", "city" AS "to_city" FROM "airports") AS "airports 2" ON "flights"."key destination" = "airports 2"."key code"
GROUP BY 1, 2
),
"query results" AS (
SELECT "from_city", "to_city", COALESCE("flown", 0) AS "flown"
FROM "flights facts"
)
SELECT "from_city", "to_city", "flown"
FROM "query results"
ORDER BY "from_city" ASC NULLS LAST, "to_city" ASC NULLS LAST
