WITH "readings facts" AS (
SELECT
  CAST(date_trunc('quarter', "readings"."taken") AS DATE) AS "taken_quarter",
  CAST(date_trunc('month', "readings"."billed") AS DATE) AS "billed_month",
  "plants"."site" AS "site",
  SUM("readings"."energy") AS "energy"
FROM (SELECT "taken" AS "taken", "billed" AS "billed", "land" AS "key land", "plant" AS "key plant", (CASE WHEN unit = 'MWh
' THEN value * 1000
ELSE value END) AS "energy" FROM "readings") AS "readings"
LEFT JOIN (SELECT "country" AS "key country", "number" AS "key number", "site" AS "site" FROM "plants") AS "plants" ON "readings"."key land" = "plants"."key country" AND "readings"."key plant" = "plants"."key number"
WHERE ("plants"."site" IS NULL OR "plants"."site" NOT IN ('a
b'))
GROUP BY 1, 2, 3
),
"readings by period" AS (
SELECT
  CAST(date_trunc('quarter', "readings"."taken") AS DATE) AS "taken_quarter",
  CAST(date_trunc('month', "readings"."billed") AS DATE) AS "billed_month",
  "plants"."site" AS "site",
  SUM("readings"."energy") AS "energy"
FROM (SELECT "taken" AS "taken", "billed" AS "billed", "land" AS "key land", "plant" AS "key plant", (CASE WHEN unit = 'MWh
' THEN value * 1000
ELSE value END) AS "energy" FROM "readings") AS "readings"
LEFT JOIN (SELECT "country" AS "key country", "number" AS "key number", "site" AS "site" FROM "plants") AS "plants" ON "readings"."key land" = "plants"."key country" AND "readings"."key plant" = "plants"."key number"
WHERE ("plants"."site" IS NULL OR "plants"."site" NOT IN ('a
b'))
GROUP BY 1, 2, 3
),
"period bounds" AS (
SELECT MIN("period") AS "first", MAX("period") AS "last"
FROM (
  SELECT "taken_quarter" AS "period" FROM "readings facts"
  UNION ALL
  SELECT "taken_quarter" AS "period" FROM "readings by period"
) AS "periods"
),
"all periods" AS (
SELECT unnest(generate_series("first", "last", INTERVAL '3 months')) AS "period"
FROM "period bounds"
),
"readings by period to date" AS (
SELECT
  p."period" AS "taken_quarter",
  f."billed_month" AS "billed_month",
  f."site" AS "site",
  SUM(f."energy") AS "energy to date"
FROM "all periods" AS p
JOIN "readings by period" AS f ON f."taken_quarter" >= CAST(date_trunc('year', p."period") AS DATE) AND f."taken_quarter" <= p."period"
GROUP BY 1, 2, 3
),
"all facts" AS (
SELECT "taken_quarter", "billed_month", "site", MAX("energy") AS "energy", MAX("energy to date") AS "energy to date"
FROM (
  SELECT "taken_quarter", "billed_month", "site", "energy", NULL AS "energy to date" FROM "readings facts"
  UNION ALL
  SELECT "taken_quarter", "billed_month", "site", NULL AS "energy", "energy to date" FROM "readings by period to date"
) AS "facts"
GROUP BY "taken_quarter", "billed_month", "site"
),
"query results" AS (
SELECT "taken_quarter", "billed_month", "site", COALESCE("energy", 0) AS "energy", COALESCE("energy to date", 0) AS "energy_to_date"
FROM "all facts"
)
SELECT "taken_quarter", "billed_month", "site", "energy", "energy_to_date"
FROM "query results"
ORDER BY "taken_quarter" ASC NULLS LAST, "billed_month" ASC NULLS LAST, "site" ASC NULLS LAST
