"""Tables that a principal may not see: as if there were none, in what is asked and in every catalog."""

from suite import Server, check, equal, lacks, one_of
from wire import Connection

HIDDEN, ABSENT = "payroll", "paywall"

# What names a table, in every place where one may stand.
ASKED = [
    "SELECT * FROM {0}",
    "SELECT count(*) FROM {0}",
    "SELECT 1 FROM orders WHERE EXISTS (SELECT 1 FROM {0})",
    "SELECT * FROM public.{0}",
    'SELECT * FROM "public"."{0}"',
    "SELECT * FROM wasmill.public.{0}",
    "WITH w AS (SELECT * FROM {0}) SELECT 1 FROM w",
    "SELECT o.* FROM orders o JOIN {0} p ON p.person = o.customer",
    "SELECT person FROM {0} WHERE salary > 1000",
    "SELECT nothing FROM {0}",
    "EXPLAIN SELECT * FROM {0}",
    "EXPLAIN ANALYZE SELECT * FROM {0}",
    "TABLE {0}",
    "DECLARE c CURSOR FOR SELECT * FROM {0}",
    "PREPARE p AS SELECT * FROM {0}",
    "SELECT '{0}'::regclass",
    "SELECT * FROM {0} LIMIT 0",
]


@check("access", "a hidden table is answered as one that does not exist")
def as_absent(server: Server) -> None:
    with Connection(server, server.tenant) as connection:
        for sql in ASKED:
            connection.query("BEGIN")
            found = connection.query(sql.format(HIDDEN)).error
            connection.query("ROLLBACK")
            connection.query("BEGIN")
            absent = connection.query(sql.format(ABSENT)).error
            connection.query("ROLLBACK")
            if server.reference:
                # PostgreSQL says "permission denied", and hides no name.
                one_of(found and found.code, ("42501", None, "42703", "42P01"), sql)
                continue
            if found is None or absent is None:
                raise AssertionError(f"{sql} was answered")
            # The position is the same, since the names are as long.
            equal({k: v.replace(HIDDEN, ABSENT) for k, v in found.fields.items()}, absent.fields, sql)
            one_of(found.code, ("42P01",), sql)


@check("access", "by the extended protocol as well, at its first message")
def as_absent_extended(server: Server) -> None:
    with Connection(server, server.tenant) as connection:
        for sql in ASKED[:9]:
            found, absent = (connection.extended(sql.format(name)) for name in (HIDDEN, ABSENT))
            equal(absent.error and absent.error.code, "42P01", sql)
            if server.reference:
                equal(found.error and found.error.code, "42501", sql)
            else:
                equal((found.error and found.error.code, found.kinds), ("42P01", absent.kinds), sql)


# Catalogs, and the column that names a table.
CATALOGS = [
    "SELECT table_name FROM information_schema.tables",
    "SELECT table_name || column_name FROM information_schema.columns",
    "SELECT table_name FROM information_schema.views",
    "SELECT table_name FROM information_schema.table_privileges",
    "SELECT relname FROM pg_catalog.pg_class",
    "SELECT tablename FROM pg_catalog.pg_tables",
    "SELECT viewname FROM pg_catalog.pg_views",
    "SELECT attname FROM pg_catalog.pg_attribute",
    "SELECT typname FROM pg_catalog.pg_type",
    "SELECT description FROM pg_catalog.pg_description",
    "SELECT relname FROM pg_catalog.pg_stat_user_tables",
    "SELECT tablename FROM pg_catalog.pg_stats",
    "SELECT definition FROM pg_catalog.pg_views",
    "SELECT objid::text FROM pg_catalog.pg_shdescription",
    "SELECT query FROM pg_catalog.pg_stat_activity",
    "SELECT rolname FROM pg_catalog.pg_roles",
    "SHOW TABLES",
    "SHOW search_path",
]
# PostgreSQL hides these of the catalogs; of pg_catalog's it shows all names to everybody.
HIDES = 4


@check("access", "a hidden table is in no catalog, nor are its columns and its description")
def in_no_catalog(server: Server) -> None:
    with Connection(server, server.tenant) as connection:
        for sql in CATALOGS[:HIDES] if server.reference else CATALOGS:
            answer = connection.query(sql)
            lacks(str(answer.texts()), HIDDEN, "salary", "Nothing for tenants")
            equal(answer.state, "I", sql)


@check("access", "a table that may be seen is in the catalogs that clients read")
def in_catalogs(server: Server) -> None:
    with Connection(server, server.tenant) as connection:
        for sql in (CATALOGS[0], CATALOGS[4]):
            names = {row[0] for row in connection.query(sql).texts()}
            equal({"types", "orders", "customers", "big"} - names, set(), sql)
        columns = connection.query("SELECT column_name FROM information_schema.columns WHERE table_name = 'customers' ORDER BY 1")
        equal(columns.texts(), [["customer"], ["name"], ["tenant"]])


@check("access", "a user who may see it finds it in them")
def seen_by_others(server: Server) -> None:
    with Connection(server) as connection:
        for sql in (CATALOGS[0], CATALOGS[4]):
            names = {row[0] for row in connection.query(sql).texts()}
            equal(HIDDEN in names, True, sql)
        equal(connection.query("SELECT sum(salary) FROM payroll").texts(), [["15000"]])


@check("access", "catalogs say no number of rows of other tenants, and no query of another user")
def no_statistics(server: Server) -> None:
    with Connection(server) as whole, Connection(server, server.tenant) as tenant:
        whole.query("SELECT 'secretly asked', count(*) FROM payroll")
        answer = tenant.query("SELECT query FROM pg_catalog.pg_stat_activity")
        lacks(str(answer.texts()), "secretly asked")
        # PostgreSQL shows its estimate of the whole table.
        if not server.reference:
            answer = tenant.query("SELECT reltuples FROM pg_catalog.pg_class WHERE relname = 'orders'")
            lacks(str(answer.texts()), "999")
            answer = tenant.query("SELECT * FROM pg_catalog.pg_stats")
            lacks(str(answer.texts()), "south", "west")


@check("access", "passwords and keys are in no catalog")
def no_passwords(server: Server) -> None:
    with Connection(server) as connection:
        for sql in (
            "SELECT * FROM pg_catalog.pg_authid",
            "SELECT * FROM pg_catalog.\"PG_AUTHID\"",
            "SELECT * FROM pg_catalog.pg_shadow",
            "SELECT * FROM pg_catalog.pg_user",
            "SELECT * FROM pg_catalog.pg_roles",
            "SELECT * FROM pg_catalog.pg_settings",
            "SHOW ALL",
        ):
            lacks(str(connection.query(sql).texts()), server.whole.password, server.tenant.password, "SCRAM-SHA-256$")
