-- What Metabase, pgAdmin 4, Grafana, pgcli and Tableau ask of a PostgreSQL when they start or look at tables, beside what their drivers
-- do, which the other clients of this folder show. Written for this test, after datafusion-postgres's own tests and from memory: the
-- same catalogs, functions and turns of SQL, shorter. `-- refused` stands before what may be refused, and must leave the session well.

-- Metabase: which tables may be read
WITH rights AS (
    SELECT NULL AS role, t.schemaname AS schema, t.objectname AS table,
        pg_catalog.has_any_column_privilege(current_user, '"' || replace(t.schemaname, '"', '""') || '"."' || replace(t.objectname, '"', '""') || '"', 'select') AS "select",
        pg_catalog.has_table_privilege(current_user, '"' || replace(t.schemaname, '"', '""') || '"."' || replace(t.objectname, '"', '""') || '"', 'delete') AS "delete"
    FROM (
        SELECT schemaname, tablename AS objectname FROM pg_catalog.pg_tables
        UNION SELECT schemaname, viewname FROM pg_catalog.pg_views
        UNION SELECT schemaname, matviewname FROM pg_catalog.pg_matviews
    ) t
    WHERE t.schemaname !~ '^pg_' AND t.schemaname <> 'information_schema'
        AND pg_catalog.has_schema_privilege(current_user, t.schemaname, 'usage')
)
SELECT rights.* FROM rights;

-- Metabase: tables, with their kinds, descriptions and estimates
SELECT "n"."nspname" AS "schema", "c"."relname" AS "name",
    CASE "c"."relkind" WHEN 'r' THEN 'TABLE' WHEN 'p' THEN 'PARTITIONED TABLE' WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE NULL END AS "type",
    "d"."description" AS "description", "s"."n_live_tup" AS "estimated_row_count"
FROM "pg_catalog"."pg_class" AS "c"
INNER JOIN "pg_catalog"."pg_namespace" AS "n" ON "c"."relnamespace" = "n"."oid"
LEFT JOIN "pg_catalog"."pg_description" AS "d" ON ("c"."oid" = "d"."objoid") AND ("d"."objsubid" = '0') AND ("d"."classoid" = 'pg_class'::regclass)
LEFT JOIN "pg_stat_user_tables" AS "s" ON ("n"."nspname" = "s"."schemaname") AND ("c"."relname" = "s"."relname")
WHERE ("n"."nspname" !~ '^pg_') AND ("n"."nspname" IN ('public')) AND c.relkind IN ('r', 'p', 'v', 'f', 'm')
ORDER BY "type" ASC, "schema" ASC, "name" ASC;

-- Metabase: columns
SELECT "c"."column_name" AS "name", "c"."udt_name" AS "database-type", "c"."ordinal_position" - 1 AS "database-position",
    "c"."table_schema" AS "table-schema", "c"."table_name" AS "table-name", "pk"."column_name" IS NOT NULL AS "pk?",
    COL_DESCRIPTION(CAST(CAST(FORMAT('%I.%I', CAST("c"."table_schema" AS TEXT), CAST("c"."table_name" AS TEXT)) AS REGCLASS) AS OID), "c"."ordinal_position") AS "field-comment"
FROM "information_schema"."columns" AS "c"
LEFT JOIN (
    SELECT "tc"."table_schema", "tc"."table_name", "kc"."column_name"
    FROM "information_schema"."table_constraints" AS "tc"
    INNER JOIN "information_schema"."key_column_usage" AS "kc"
        ON ("tc"."constraint_name" = "kc"."constraint_name") AND ("tc"."table_schema" = "kc"."table_schema") AND ("tc"."table_name" = "kc"."table_name")
    WHERE "tc"."constraint_type" = 'PRIMARY KEY'
) AS "pk" ON ("c"."table_schema" = "pk"."table_schema") AND ("c"."table_name" = "pk"."table_name") AND ("c"."column_name" = "pk"."column_name")
WHERE c.table_schema !~ '^information_schema|catalog_history|pg_' AND ("c"."table_schema" IN ('public'))
ORDER BY "table-schema", "table-name", "database-position";

-- Metabase: a chart by month, and a sample of a text
SELECT CAST(DATE_TRUNC('month', "public"."orders"."placed") AS DATE) AS "placed", SUM("public"."orders"."amount") AS "sum"
FROM "public"."orders"
GROUP BY CAST(DATE_TRUNC('month', "public"."orders"."placed") AS DATE)
ORDER BY CAST(DATE_TRUNC('month', "public"."orders"."placed") AS DATE) ASC;

SELECT SUBSTRING("public"."types"."words" FROM 1 FOR 1234) AS "substring1" FROM "public"."types" LIMIT 10000;

SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ UNCOMMITTED;

SHOW timezone;

-- pgAdmin: all in one
SET DateStyle=ISO; SET client_min_messages=notice; SELECT set_config('bytea_output', 'hex', false) FROM pg_show_all_settings() WHERE name = 'bytea_output'; SET client_encoding='utf-8';

SELECT db.oid AS did, db.datname, db.datallowconn, pg_encoding_to_char(db.encoding) AS serverencoding,
    has_database_privilege(db.oid, 'CREATE') AS cancreate, datistemplate
FROM pg_catalog.pg_database db
WHERE db.datname = current_database();

SELECT r.oid AS id, r.rolname AS name, r.rolsuper AS is_superuser, CASE WHEN r.rolsuper THEN true ELSE r.rolcreaterole END AS can_create_role
FROM pg_catalog.pg_roles AS r
WHERE rolname = current_user;

SELECT gss_authenticated, encrypted FROM pg_catalog.pg_stat_gssapi WHERE pid = pg_backend_pid();

SELECT CASE
    WHEN (SELECT count(extname) FROM pg_catalog.pg_extension WHERE extname = 'bdr') > 0 THEN 'pgd'
    WHEN (SELECT count(*) FROM pg_replication_slots) > 0 THEN 'log'
    ELSE NULL
END AS type;

SELECT pid, datname, usename, application_name, client_addr, backend_start, state
FROM pg_catalog.pg_stat_activity
WHERE datname = current_database() AND pid = pg_backend_pid();

-- Grafana: tables on the search path
SELECT CASE WHEN quote_ident(table_schema) IN (
        SELECT CASE WHEN trim(s[i]) = '"$user"' THEN user ELSE trim(s[i]) END
        FROM generate_series(
            array_lower(string_to_array(current_setting('search_path'), ','), 1),
            array_upper(string_to_array(current_setting('search_path'), ','), 1)
        ) AS i, string_to_array(current_setting('search_path'), ',') s
    ) THEN quote_ident(table_name) ELSE quote_ident(table_schema) || '.' || quote_ident(table_name) END AS "table"
FROM information_schema.tables
WHERE quote_ident(table_schema) NOT IN ('information_schema', 'pg_catalog')
ORDER BY 1;

-- Grafana: columns of one
SELECT quote_ident(column_name) AS "column", data_type AS "type"
FROM information_schema.columns
WHERE CASE WHEN array_length(parse_ident('public.orders'), 1) = 2
    THEN quote_ident(table_schema) = (parse_ident('public.orders'))[1] AND quote_ident(table_name) = (parse_ident('public.orders'))[2]
    ELSE quote_ident(table_name) = 'orders' END;

-- Grafana: a panel
SELECT floor(extract(epoch from placed) / 86400) * 86400 AS "time", tenant AS metric, sum(amount) AS "value"
FROM orders
WHERE placed BETWEEN '2013-01-01T00:00:00Z' AND '2013-02-01T00:00:00Z'
GROUP BY 1, 2
ORDER BY 1, 2;

-- pgcli: what it completes
SELECT n.nspname AS schema_name, c.relname AS table_name
FROM pg_catalog.pg_class c
LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = ANY('{r,p,f,v,m}') AND n.nspname = 'public'
ORDER BY 1, 2;

SELECT nsp.nspname AS schema_name, cls.relname AS table_name, att.attname AS column_name, att.atttypid::regtype::text AS type_name,
    att.atthasdef AS has_default, pg_catalog.pg_get_expr(def.adbin, def.adrelid, true) AS default
FROM pg_catalog.pg_attribute att
INNER JOIN pg_catalog.pg_class cls ON att.attrelid = cls.oid
INNER JOIN pg_catalog.pg_namespace nsp ON cls.relnamespace = nsp.oid
LEFT OUTER JOIN pg_attrdef def ON def.adrelid = att.attrelid AND def.adnum = att.attnum
WHERE cls.relkind = ANY('{r,p,f,v,m}') AND NOT att.attisdropped AND att.attnum > 0 AND nsp.nspname = 'public'
ORDER BY 1, 2, att.attnum;

-- refused: Tableau tries whether it may make a table, and goes on without
CREATE LOCAL TEMPORARY TABLE "#Tableau_1_Connect" ("COL" INTEGER) ON COMMIT PRESERVE ROWS;

-- Tableau: whether a table answers, and a sheet
SELECT "orders"."tenant" AS "tenant", "orders"."amount" AS "amount" FROM "public"."orders" "orders" LIMIT 1;

SELECT CAST("orders"."tenant" AS TEXT) AS "tenant", CAST(TRUNC(EXTRACT(YEAR FROM "orders"."placed")) AS INTEGER) AS "yr:placed:ok",
    SUM(CAST("orders"."amount" AS DOUBLE PRECISION)) AS "sum:amount:ok", SUM(1) AS "cnt:orders:ok"
FROM "public"."orders" "orders"
WHERE (("orders"."tenant" IN ('north', 'west')) AND ("orders"."placed" >= (TIMESTAMP '2013-01-01 00:00:00.000')))
GROUP BY 1, 2
HAVING (COUNT(1) > 0);
