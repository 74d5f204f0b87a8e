"""Apache Superset against a server: adds it as a database, lists its tables, makes a dataset and charts of it, asks in SQL Lab.

    WIRE_USER=… WIRE_PASSWORD=… python tests/wire/superset.py --programs FOLDER [--picture FILE --chromium FILE] HOST PORT

FOLDER is what `tools/python.sh superset tests/wire/superset-requirements.txt` prints. Superset listens on 127.0.0.1 alone, keeps what
it knows in a SQLite file in --home, which is made once (a minute), and lets in who has a token of this run.
"""

import argparse
import json
import secrets
import subprocess
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path

from suite import Login, Server, equal, server
from superset_server import Superset


def rison(**values: str) -> str:
    return urllib.parse.quote("(" + ",".join(f"{name}:{value}" for name, value in values.items()) + ")")


def metric(label: str, function: str, column: str) -> dict:
    return {"expressionType": "SIMPLE", "aggregate": function, "column": {"column_name": column}, "label": label}


class Session:
    """What one person does, with one login of the server."""

    def __init__(self, superset: Superset, target: Server, login: Login):
        self.superset, self.ask = superset, superset.ask
        self.url = target.url("postgresql+psycopg2", login)
        self.name = f"{login.user} {secrets.token_hex(4)}"

    def database(self) -> None:
        body = {"database_name": self.name, "sqlalchemy_uri": self.url}
        self.ask("POST", "database/test_connection/", body)
        self.database_id = self.ask("POST", "database/", body | {"expose_in_sqllab": True})["id"]

    def tables(self) -> set[str]:
        schemas = self.ask("GET", f"database/{self.database_id}/schemas/?q={rison(force='!t')}")["result"]
        equal("public" in schemas, True, f"public in {schemas}")
        answer = self.ask("GET", f"database/{self.database_id}/tables/?q={rison(schema_name='public', force='!t')}")
        return {table["value"] for table in answer["result"]}

    def metadata(self, table: str) -> list[str]:
        answer = self.ask("GET", f"database/{self.database_id}/table_metadata/?name={table}&schema=public")
        self.ask("GET", f"database/{self.database_id}/table_metadata/extra/?name={table}&schema=public")
        return [f"{column['name']} {column['type']}" for column in answer["columns"]]

    def dataset(self, table: str) -> dict[str, str]:
        made = self.ask("POST", "dataset/", {"database": self.database_id, "schema": "public", "table_name": table})
        self.dataset_id = made["id"]
        columns = self.ask("GET", f"dataset/{self.dataset_id}")["result"]["columns"]
        return {column["column_name"]: column["type"] for column in columns}

    def data(self, **query: object) -> list[dict]:
        query = {"row_limit": 1000, "filters": [], "extras": {}, **query}
        body = {"datasource": {"id": self.dataset_id, "type": "table"}, "queries": [query], "result_type": "full", "force": True}
        return self.ask("POST", "chart/data", body)["result"][0]["data"]

    def chart(self) -> int:
        params = {
            "viz_type": "echarts_timeseries_bar", "datasource": f"{self.dataset_id}__table", "x_axis": "placed",
            "time_grain_sqla": "P1D", "metrics": [metric("Orders", "COUNT", "order_id")], "groupby": ["tenant"], "row_limit": 1000,
            "adhoc_filters": [], "stack": "Stack", "show_legend": True, "order_desc": True, "rich_tooltip": True,
        }  # fmt: skip
        body = {"slice_name": "Orders of each day", "viz_type": params["viz_type"], "datasource_id": self.dataset_id}
        made = self.ask("POST", "chart/", body | {"datasource_type": "table", "params": json.dumps(params)})
        self.chart_id = made["id"]

    def sql(self, sql: str) -> list[dict]:
        body = {
            "database_id": self.database_id,
            "schema": "public",
            "sql": sql,
            "runAsync": False,
            "client_id": secrets.token_hex(5),
        }
        return self.ask("POST", "sqllab/execute/", body | {"queryLimit": 1000, "select_as_cta": False})["data"]

    def clean(self) -> None:
        """Takes away what was made; a SQLite of Superset's has each name of a table once, whatever the database."""
        for kind in ("chart", "dataset", "database"):
            if made := getattr(self, f"{kind}_id", None):
                self.ask("DELETE", f"{kind}/{made}")


def picture(superset: Superset, chart: int, chromium: str, file: Path) -> None:
    url = f"http://127.0.0.1:{superset.port}/explore/?slice_id={chart}&token={superset.token}"
    with tempfile.TemporaryDirectory() as profile:
        command = [
            chromium,
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            f"--user-data-dir={profile}",
            "--window-size=1400,900",
        ]
        command += ["--hide-scrollbars", "--virtual-time-budget=60000", "--timeout=60000", f"--screenshot={file.absolute()}", url]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=240)
    if not file.exists():
        raise AssertionError("Chromium made no picture")


def day(session: Session, target: Server, login: Login, report: Callable[[str, Callable[[], object]], None]) -> None:
    """What somebody does on a day; which rows there are is what differs between the whole and the tenant."""
    whole = login is target.whole
    counts = [{"tenant": name, "Orders": 333} for name in (("north", "south", "west") if whole else ("north",))]
    names = {"types", "orders", "customers", "big", "payroll"}

    def tables() -> None:
        found = session.tables()
        equal(found, names if whole or target.reference else names - {"payroll"})

    def metadata() -> None:
        equal(len(session.metadata("types")), 17)
        equal(session.metadata("customers"), ["tenant TEXT", "customer TEXT", "name TEXT"])

    def dataset() -> None:
        columns = session.dataset("orders")
        equal({name: kind.split("(")[0] for name, kind in columns.items()}, {
            "order_id": "BIGINT", "tenant": "TEXT", "customer": "TEXT", "amount": "NUMERIC", "secret": "BIGINT",
            "placed": "TIMESTAMP WITH TIME ZONE",
        } if columns["placed"] != "TIMESTAMP" else columns)  # fmt: skip

    def grouped() -> None:
        query = {"columns": ["tenant"], "metrics": [metric("Orders", "COUNT", "order_id")]}
        found = session.data(**query, orderby=[["tenant", True]])
        equal(found, counts)
        found = session.data(**query, filters=[{"col": "tenant", "op": "IN", "val": ["west", "north"]}])
        equal(len(found), 2 if whole else 1)

    def by_time() -> None:
        axis = {
            "label": "placed",
            "sqlExpression": "placed",
            "expressionType": "SQL",
            "columnType": "BASE_AXIS",
            "timeGrain": "P1M",
        }
        metrics = [metric("Amount", "SUM", "amount"), metric("Customers", "COUNT_DISTINCT", "customer")]
        found = session.data(columns=[axis], metrics=metrics, granularity="placed", time_range="2013-01-01 : 2014-01-01")
        equal(len(found), 2)

    def lab() -> None:
        equal(session.sql("SELECT count(*) AS n FROM orders"), [{"n": 999 if whole else 333}])
        found = session.sql("SELECT * FROM types ORDER BY id")
        equal(len(found), 4)

    for name, step in (
        ("adds the database", session.database), ("lists schemas and tables", tables), ("shows a table's columns", metadata),
        ("makes a dataset", dataset), ("draws groups", grouped), ("draws months", by_time), ("asks in SQL Lab", lab),
        ("saves a chart", session.chart),
    ):  # fmt: skip
        report(f"superset, {login.user}: {name}", step)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=Path, required=True, help="the folder of Superset's programs")
    parser.add_argument(
        "--home", type=Path, default=Path.home() / ".cache/wasmill-superset", help="where Superset keeps what it knows"
    )
    parser.add_argument("--picture", type=Path, help="a picture of the chart, as PNG")
    parser.add_argument("--chromium", default="chromium", help="what tools/chromium.sh prints")
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    arguments = parser.parse_args()
    target, failed, passed = server(arguments.host, arguments.port), 0, 0

    def report(name: str, step: Callable[[], object]) -> None:
        nonlocal failed, passed
        try:
            step()
        except Exception as wrong:
            failed += 1
            print(f"FAILED {name}: {type(wrong).__name__}: {wrong}", flush=True)
            return
        passed += 1
        print(f"ok {name}", flush=True)

    with Superset(arguments.programs, arguments.home) as superset:
        for login in (target.whole, target.tenant):
            session = Session(superset, target, login)
            try:
                day(session, target, login, report)
                if arguments.picture and login is target.whole and hasattr(session, "chart_id"):
                    draw = partial(picture, superset, session.chart_id, arguments.chromium, arguments.picture)
                    report("superset: a picture of the chart", draw)
            finally:
                session.clean()
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
