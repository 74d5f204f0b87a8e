-- What Npgsql 8 and 9 ask when the first connection to a database is opened (`PostgresDatabaseInfo.LoadBackendTypes`), and so .NET,
-- Power BI's connector, and Excel's Power Query. Not its text: the same questions in words of our own, with its catalogs, its kinds of
-- joins, CASEs and subqueries, and the fields in its order, since it reads them by their places. It sends all four in ONE simple query,
-- as the last of this file does: a server that refuses several reads in one has no client of .NET.

SELECT version();

SELECT ns.nspname, ty.oid, ty.typname, ty.kind, ty.typnotnull, ty.item
FROM (
    SELECT base.oid, typnamespace, typname, typnotnull, relkind,
        CASE WHEN receive.proname = 'array_recv' THEN 'a' ELSE base.typtype END AS kind,
        CASE
            WHEN receive.proname = 'array_recv' THEN base.typelem
            WHEN base.typtype = 'd' THEN base.typbasetype
            WHEN base.typtype = 'r' THEN rngsubtype
            WHEN base.typtype = 'm' THEN (SELECT rngtypid FROM pg_range WHERE rngmultitypid = base.oid)
        END AS item
    FROM pg_type AS base
    LEFT JOIN pg_class AS relation ON (relation.oid = base.typrelid)
    LEFT JOIN pg_proc AS receive ON receive.oid = base.typreceive
    LEFT JOIN pg_range ON (pg_range.rngtypid = base.oid)
) AS ty
LEFT JOIN (
    SELECT base.oid, base.typname, relation.relkind, CASE WHEN receive.proname = 'array_recv' THEN 'a' ELSE base.typtype END AS kind
    FROM pg_type AS base
    LEFT JOIN pg_class AS relation ON (relation.oid = base.typrelid)
    LEFT JOIN pg_proc AS receive ON receive.oid = base.typreceive
) AS item ON item.oid = ty.item
JOIN pg_namespace AS ns ON (ns.oid = typnamespace)
WHERE ty.kind IN ('b', 'r', 'm', 'e', 'd')
    OR (ty.kind = 'p' AND ty.typname IN ('record', 'void'))
    OR (ty.kind = 'c' AND ty.relkind = 'c')
    OR (ty.kind = 'a' AND (
        item.kind IN ('b', 'r', 'm', 'e', 'd')
        OR (item.kind = 'p' AND item.typname IN ('record', 'void'))
        OR (item.kind = 'c' AND item.relkind = 'c')
    ))
-- What others are made of comes before them.
ORDER BY CASE
    WHEN ty.kind IN ('b', 'e', 'p') THEN 0
    WHEN ty.kind IN ('r', 'm') THEN 1
    WHEN ty.kind = 'c' THEN 2
    WHEN ty.kind = 'd' AND item.kind <> 'a' THEN 3
    WHEN ty.kind = 'a' THEN 4
    WHEN ty.kind = 'd' AND item.kind = 'a' THEN 5
END;

-- Fields of composite types
SELECT base.oid, field.attname, field.atttypid
FROM pg_type AS base
JOIN pg_class AS relation ON (relation.oid = base.typrelid)
JOIN pg_attribute AS field ON (field.attrelid = base.typrelid)
WHERE base.typtype = 'c' AND relation.relkind = 'c' AND field.attnum > 0 AND NOT field.attisdropped
ORDER BY base.oid, field.attnum;

-- Labels of enums
SELECT pg_type.oid, enumlabel
FROM pg_enum
JOIN pg_type ON pg_type.oid = enumtypid
ORDER BY oid, enumsortorder;

-- Together, as it sends them
SELECT version();
SELECT ns.nspname, ty.oid, ty.typname FROM pg_type AS ty JOIN pg_namespace AS ns ON (ns.oid = ty.typnamespace) WHERE ty.typtype = 'b';
SELECT pg_type.oid, enumlabel FROM pg_enum JOIN pg_type ON pg_type.oid = enumtypid ORDER BY oid, enumsortorder;
