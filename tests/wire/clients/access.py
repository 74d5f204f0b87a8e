"""Who may read what, by the protocol itself: logins that fail, tables that are hidden, rows of others, and nothing learnt of them
from errors, plans or catalogs."""

import json
import os
import re
import time
from pathlib import Path

from suite import Login, Server, Skipped, check, equal, lacks, one_of
from wire import Answer, Connection, Refused

OTHERS = ("south", "west")  # values of tenants that `north` must never see


def refused(server: Server, login: Login, **options: str) -> tuple[Refused, list[str]]:
    connection = Connection.__new__(Connection)
    try:
        connection.__init__(server, login, **options)
    except Refused as error:
        return error, connection.steps
    connection.close()
    raise AssertionError(f"{login.user} was let in")


def same_refusal(server: Server, login: Login) -> None:
    """As with a wrong password of a user that there is: the message, the code, and the steps until then."""
    wrong = Login(server.whole.user, "wrong")
    expected, steps = refused(server, wrong)
    equal(expected.code, "28P01", "SQLSTATE")
    equal(expected.fields["S"], "FATAL", "severity")
    found, found_steps = refused(server, login)
    equal((found.code, found_steps), (expected.code, steps), "SQLSTATE and steps")
    equal(found.message.replace(login.user, "…"), expected.message.replace(wrong.user, "…"), "message")
    equal(sorted(found.fields), sorted(expected.fields), "fields of the error")
    secret = server.whole.password
    lacks(str(found.fields) + str(expected.fields), secret)


@check("access", "a wrong password is refused as 28P01, after SCRAM-SHA-256")
def wrong_password(server: Server) -> None:
    error, steps = refused(server, Login(server.whole.user, "wrong"))
    equal((error.code, steps), ("28P01", ["R10", "R11", "E"]))


@check("access", "an unknown user is refused as one whose password is wrong")
def unknown_user(server: Server) -> None:
    same_refusal(server, Login("nobody-like-this", "wrong"))


@check("access", "an unknown user has the same number of iterations and a salt that stays")
def stable_salt(server: Server) -> None:
    def challenge(login: Login) -> tuple[str, str]:
        seen = {}
        original = Connection.authenticate

        def authenticate(self, login, method, data):
            if method == 11:
                seen.update(part.split("=", 1) for part in data.decode().split(","))
            return original(self, login, method, data)

        connection = type("Watched", (Connection,), {"authenticate": authenticate})
        try:
            connection(server, login).close()
        except Refused:
            pass
        return seen["s"], seen["i"]

    nobody = Login("nobody-like-this", "wrong")
    first, second = challenge(nobody), challenge(nobody)
    equal(first, second, "salt and iterations of an unknown user, asked twice")
    equal(challenge(server.whole)[1], first[1], "iterations of a known user")
    other = challenge(Login("nobody-else", "wrong"))
    if other[0] == first[0]:
        raise AssertionError("two unknown users have one salt")


@check("access", "a key that has expired is refused as a wrong password")
def expired(server: Server) -> None:
    if not server.expired:
        raise Skipped("WIRE_EXPIRED_USER is not set")
    same_refusal(server, server.expired)


@check("access", "another user's password is refused")
def other_password(server: Server) -> None:
    same_refusal(server, Login(server.tenant.user, server.whole.password))
    same_refusal(server, Login(server.whole.user, ""))


@check("access", "another database is refused as 3D000")
def other_database(server: Server) -> None:
    error, _ = refused(server, server.whole, database="template9")
    equal(error.code, "3D000")


@check("access", "an unknown user learns nothing of databases")
def unknown_database(server: Server) -> None:
    error, _ = refused(server, Login("nobody-like-this", "wrong"), database="template9")
    equal(error.code, "28P01")


@check("access", "user and session are those that logged in, and cannot be changed")
def who_am_i(server: Server) -> None:
    with Connection(server, server.tenant) as connection:
        answer = connection.query("SELECT current_user, session_user, current_database(), current_schema()")
        name = server.tenant.user
        equal(answer.texts(), [[name, name, "wasmill", "public"]])
        for sql in (
            f"SET ROLE {server.whole.user}",
            f"SET SESSION AUTHORIZATION {server.whole.user}",
        ):
            answer = connection.query(sql)
            code = answer.error.code if answer.error else None
            one_of(code, ("42501", "25006", "0A000", "22023", "42704", "42601"), sql)
        equal(connection.query("SELECT count(*) FROM orders").texts(), [["333"]])


# Each is asked by the tenant, who must get this and no more.
FILTERED = {
    "SELECT count(*) FROM orders": "333",
    "SELECT count(*) FROM public.orders": "333",
    'SELECT count(*) FROM "wasmill"."public"."orders"': "333",
    "SELECT count(*) FROM orders WHERE tenant = 'south'": "0",
    "SELECT count(*) FROM orders WHERE tenant = 'south' OR true": "333",
    "SELECT count(*) FROM orders WHERE tenant <> 'north' OR NOT (tenant = 'north')": "0",
    "SELECT count(DISTINCT tenant) FROM orders": "1",
    "SELECT max(tenant) FROM orders": "north",
    "SELECT min(order_id) FROM orders": "3",
    "SELECT string_agg(DISTINCT tenant, ',') FROM orders": "north",
    "SELECT count(*) FROM orders a JOIN orders b ON a.order_id = b.order_id": "333",
    "SELECT count(*) FROM orders a JOIN customers c ON a.customer = c.customer": "333",
    "SELECT count(*) FROM customers c LEFT JOIN orders o ON c.tenant = o.tenant AND o.order_id < 0": "10",
    "SELECT count(*) FROM big b LEFT JOIN orders o ON b.n = o.order_id WHERE b.n < 1000 AND o.order_id IS NULL": "666",
    "SELECT count(*) FROM orders RIGHT JOIN (SELECT n FROM big WHERE n < 1000) b ON n = order_id WHERE tenant IS NOT NULL": "333",
    "SELECT count(*) FROM (SELECT order_id FROM orders UNION ALL SELECT order_id FROM orders) u": "666",
    "SELECT count(*) FROM big WHERE n IN (SELECT order_id FROM orders)": "333",
    "SELECT count(*) FROM big WHERE n < 1000 AND n NOT IN (SELECT order_id FROM orders)": "666",
    "SELECT count(*) FROM big b WHERE n < 100 AND EXISTS (SELECT 1 FROM orders o WHERE o.order_id = b.n)": "33",
    "SELECT (SELECT count(*) FROM orders)": "333",
    "WITH w AS (SELECT * FROM orders) SELECT count(*) FROM w": "333",
    "WITH orders AS (SELECT * FROM public.orders) SELECT count(*) FROM orders": "333",
    "SELECT count(*) FROM (SELECT * FROM orders LIMIT 500) l": "333",
    "SELECT count(*) FROM (SELECT * FROM orders OFFSET 300) l": "33",
    "SELECT max(r) FROM (SELECT row_number() OVER () AS r FROM orders) n": "333",
    "SELECT sum(count(*)) OVER () FROM orders GROUP BY tenant": "333",
    "SELECT count(*) FROM (SELECT tenant FROM orders GROUP BY GROUPING SETS ((tenant), ())) g": "2",
    "SELECT count(*) FROM orders INTERSECT SELECT 333": "333",
    # Rows of others have 5 as their secret: had they been looked at before the filter, each would divide by zero.
    "SELECT count(*) FROM orders WHERE 1 / (secret - 5) = 0": "333",
    "SELECT count(*) FROM orders WHERE tenant = 'south' AND 1 / (secret - 5) = 0": "0",
    "SELECT count(*) FROM orders WHERE 10 / (secret - 5) < 0 AND order_id > 0": "333",
    "SELECT count(1 / (secret - 5)) FROM orders": "333",
    "SELECT count(*) FROM (SELECT 1 / (secret - 5) AS q FROM orders ORDER BY 1) s": "333",
    "SELECT count(*) FROM orders a JOIN orders b ON 1 / (a.secret - 5) = b.secret - 1 WHERE a.order_id = 3": "333",
    "SELECT count(*) FROM orders WHERE CASE WHEN tenant = 'south' THEN 1 / (secret - 5) = 1 ELSE true END": "333",
    "SELECT sum(q) FROM (SELECT 1 / (secret - 5) AS q FROM orders GROUP BY 1) g": "0",
    "SELECT count(*) FROM orders HAVING max(1 / (secret - 5)) = 0": "333",
    # And a length that depends on them.
    "SELECT count(*) FROM orders WHERE CAST(substr(tenant, 1, 0) || '1' AS INT) = 1": "333",
}


def sees(ask, sql: str, expected: str) -> None:
    answer: Answer = ask(sql)
    if answer.error:
        raise AssertionError(f"{sql}: {answer.error}")
    equal(answer.texts(), [[expected]], sql)


@check("access", "rows of other tenants are nowhere, by a simple query")
def filtered(server: Server) -> None:
    with Connection(server, server.tenant) as connection:
        for sql, expected in FILTERED.items():
            sees(connection.query, sql, expected)


@check("access", "rows of other tenants are nowhere, by a prepared statement")
def filtered_prepared(server: Server) -> None:
    with Connection(server, server.tenant) as connection:
        for sql, expected in FILTERED.items():
            sees(connection.extended, sql, expected)
        connection.query("PREPARE mine AS SELECT count(*) FROM orders")
        sees(connection.query, "EXECUTE mine", "333")


@check("access", "rows of other tenants are nowhere, by a cursor")
def filtered_cursor(server: Server) -> None:
    with Connection(server, server.tenant) as connection:
        connection.query("BEGIN")
        answer = connection.query("DECLARE c CURSOR FOR SELECT tenant, order_id FROM orders")
        if answer.error:
            raise AssertionError(answer.error)
        rows = connection.query("FETCH ALL FROM c").texts()
        equal((len(rows), {tenant for tenant, _ in rows}), (333, {"north"}))
        equal(connection.query("COMMIT").state, "I")


@check("access", "a user without a filter sees all rows, and the division fails")
def unfiltered(server: Server) -> None:
    with Connection(server) as connection:
        sees(connection.query, "SELECT count(*) FROM orders", "999")
        error = connection.query("SELECT count(*) FROM orders WHERE 1 / (secret - 5) = 0").error
        equal(error and error.code, "22012")


@check("access", "two users at once do not see each other's rows")
def two_at_once(server: Server) -> None:
    with Connection(server, server.tenant) as tenant, Connection(server) as whole:
        for _ in range(5):
            sees(tenant.query, "SELECT count(*) FROM orders", "333")
            sees(whole.query, "SELECT count(*) FROM orders", "999")
            sees(tenant.extended, "SELECT count(*) FROM customers", "10")
            sees(whole.extended, "SELECT count(*) FROM customers", "30")


# What fails, and must not say a value of a row that is not the tenant's.
ERRORS = [
    "SELECT CAST(tenant AS INT) FROM orders",
    "SELECT count(*) FROM orders WHERE CAST(tenant AS INT) = 1",
    "SELECT count(*) FROM orders WHERE tenant < 5",
    "SELECT order_id FROM orders WHERE CAST(tenant AS DATE) > '2013-01-01'",
    "SELECT CAST(customer AS BIGINT) FROM customers ORDER BY tenant DESC",
    "SELECT nothing FROM orders",
    "SELECT tenant, sum(amount) FROM orders",
]


@check("access", "errors say no value of another tenant's row, and no filter")
def errors(server: Server) -> None:
    with Connection(server, server.tenant) as connection:
        for sql in ERRORS:
            for ask in (connection.query, connection.extended):
                error = ask(sql).error
                if error:
                    lacks(str(error.fields), *OTHERS, ".parquet", "/home", "/tmp", "/work", ".rs:")
                elif re.search("CAST|nothing|sum", sql):
                    raise AssertionError(f"{sql} did not fail")


@check("access", "EXPLAIN says nothing of other tenants")
def explain(server: Server) -> None:
    with Connection(server, server.tenant) as connection:
        for form in ("EXPLAIN", "EXPLAIN ANALYZE", "EXPLAIN (ANALYZE, VERBOSE)", "EXPLAIN VERBOSE", "EXPLAIN (FORMAT JSON)"):
            answer = connection.query(f"{form} SELECT * FROM orders o JOIN customers c ON o.customer = c.customer")
            text = str(answer.texts()) + str(answer.error and answer.error.fields)
            lacks(text, *OTHERS, "payroll", ".parquet", "file://", "/work", "/tmp")
            # PostgreSQL tells how many rows a policy has left out.
            if not server.reference:
                found = re.findall(r"\b(?:999|666)\b", re.sub(r"[\d.]+(?:ns|µs|ms|s)\b", "", text))
                equal(found, [], f"{form} tells how many rows are left out")


@check("access", "what was asked is in the audit log, with who asked and what came of it")
def audit(server: Server) -> None:
    file = os.environ.get("WIRE_AUDIT")
    if not file:
        raise Skipped("WIRE_AUDIT is not set")
    with Connection(server, server.tenant) as connection:
        connection.query("SELECT 'audited' FROM orders LIMIT 1")
        connection.extended("SELECT 'audited', count(*) FROM orders")
        connection.query("SELECT 'audited' FROM payroll")
        connection.extended("SELECT 'audited' FROM payroll")
    for _ in range(100):
        lines = [json.loads(line) for line in Path(file).read_text().splitlines()]
        found = [line for line in lines if "audited" in line["sql"]]
        if len(found) == 4:
            break
        time.sleep(0.05)
    equal([(line["principal"], line["address"], line["error"]) for line in found],
          [(server.tenant.user, "127.0.0.1", error) for error in (None, None, "42P01", "42P01")])  # fmt: skip
