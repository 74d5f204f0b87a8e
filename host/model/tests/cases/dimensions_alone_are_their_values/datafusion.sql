WITH "countries values" AS (
SELECT
  "countries"."continent" AS "continent",
  "countries"."country" AS "country"
FROM (SELECT "continent" AS "continent", "name" AS "country" FROM "countries") AS "countries"
GROUP BY 1, 2
),
"query results" AS (
SELECT "continent", "country"
FROM "countries values"
)
SELECT "continent", "country"
FROM "query results"
ORDER BY "continent" ASC NULLS LAST, "country" ASC NULLS LAST
