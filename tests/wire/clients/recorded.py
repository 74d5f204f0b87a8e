"""What programs that cannot run here ask: each statement of recorded/*.sql, by a simple query and, if it is one, by a prepared one.

What PostgreSQL gave is beside them in NAME.expect, a line for each statement: its columns, and whether it has rows, which counts if
it asks for one of the tables. `WIRE_UPDATE=1 tools/wire.sh reference --only recorded` writes them.
"""

import json
import os
import re
from pathlib import Path

from suite import Results, Server, check, one_of
from wire import Answer, Connection

FOLDER = Path(__file__).parent.parent / "recorded"
# More of it from elsewhere, which must only be answered.
FOLDERS = [FOLDER, *map(Path, filter(None, [os.environ.get("WIRE_RECORDED")]))]
OURS = re.compile(r"\b(types|orders|customers|big)\b|public|relkind", re.IGNORECASE)


def statements(file: Path) -> list[str]:
    """Blocks that end with a semicolon and a blank line, after one that says what they are."""
    _, _, text = file.read_text().partition("\n\n")
    return [block.strip() for block in re.split(r";\s*\n\s*\n", text.strip() + "\n\n") if block.strip()]


def filled(connection: Connection, sql: str) -> str:
    """With the numbers of tables as they are here."""
    for name in set(re.findall(r"\{oid:(\w+)\}", sql)):
        found = connection.query(f"SELECT oid FROM pg_catalog.pg_class WHERE relname = '{name}' AND relkind IN ('r', 'v')")
        sql = sql.replace(f"{{oid:{name}}}", found.texts()[0][0])
    return sql


def compare(answer: Answer, expected: dict, sql: str) -> None:
    if sql.startswith("-- refused"):
        one_of(answer.error and answer.error.code, ("25006", "42501", "0A000"))
        return
    if answer.error:
        raise AssertionError(str(answer.error))
    names = [name for name, _, _ in answer.columns]
    # With `x.*`, a server may have other columns of a catalog, in other places.
    if re.search(r"(\w\.)?\*(?!\))", sql):
        missing = {"oid", "description", "relname", "order_id", "words"} & set(expected["columns"]) - set(names)
        if missing:
            raise AssertionError(f"there is no {missing} in {names}")
    elif names != expected["columns"]:
        raise AssertionError(f"expected {expected['columns']}, found {names}")
    if expected["rows"] and OURS.search(sql) and not answer.rows:
        raise AssertionError("no rows")


def asked(server: Server, file: Path) -> Results:
    expect = file.with_suffix(".expect")
    update = os.environ.get("WIRE_UPDATE") == "1" and server.reference
    lines = [json.loads(line) for line in expect.read_text().splitlines()] if expect.exists() and not update else []
    made = []
    with Connection(server) as connection:
        for number, sql in enumerate(statements(file)):
            words = " ".join(re.sub(r"\{oid:\w+\}", "…", sql).split())
            name = f"{file.stem} {number + 1}: {words[:70]}"
            try:
                text = filled(connection, sql)
                answer = connection.query(text)
                made.append({"columns": [column for column, _, _ in answer.columns], "rows": bool(answer.rows)})
                expected = lines[number] if lines else made[-1]
                compare(answer, expected, sql)
                if "; " not in sql and ";\n" not in sql:
                    compare(connection.extended(text), expected, sql)
                yield name, None
            except (AssertionError, IndexError) as wrong:
                yield name, f"{type(wrong).__name__}: {wrong}" if isinstance(wrong, IndexError) else str(wrong)
            if answer.state == "E":
                connection.query("ROLLBACK")
    if update and file.parent == FOLDER:
        expect.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in made))


for file in (file for folder in FOLDERS for file in sorted(folder.glob("*.sql"))):

    @check("recorded", f"what {file.stem} asks")
    def program(server: Server, file: Path = file) -> Results:
        yield from asked(server, file)


@check("recorded", "Npgsql finds the types that it needs, arrays after their items")
def npgsql(server: Server) -> None:
    with Connection(server) as connection:
        rows = connection.query(statements(FOLDER / "npgsql.sql")[1]).texts()
    by_name = {name: (oid, kind, item) for _, oid, name, kind, _, item in rows}
    places = {row[1]: place for place, row in enumerate(rows)}
    needed = {
        "bool": 16, "bytea": 17, "int8": 20, "int2": 21, "int4": 23, "text": 25, "oid": 26, "float4": 700, "float8": 701,
        "varchar": 1043, "date": 1082, "time": 1083, "timestamp": 1114, "timestamptz": 1184, "interval": 1186, "numeric": 1700,
    }  # fmt: skip
    for name, oid in needed.items():
        if by_name.get(name, ("",))[0] != str(oid):
            raise AssertionError(f"{name} is {by_name.get(name)}")
    for name in ("_int4", "_text"):
        oid, kind, item = by_name[name]
        if kind != "a" or places[oid] < places[item]:
            raise AssertionError(f"{name} is {by_name[name]}, before its items: {places[oid] < places[item]}")
