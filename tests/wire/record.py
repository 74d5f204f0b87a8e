"""Statements of one user from a log that `postgres.py --log` wrote, each once, in the form of recorded/*.sql:

    python tests/wire/record.py LOG USER >recorded/NAME.sql

Numbers of tables differ from server to server: `{oid:orders}` stands for one.
"""

import csv
import re
import sys

import data

FIRST = 16384  # of what users create, in a new PostgreSQL


def main() -> None:
    log, user = sys.argv[1:]
    statements: dict[str, None] = {}
    oids: dict[str, str | None] = {}
    last = None  # the table that was asked for
    names = ["types", *data.SQL]
    with open(log, newline="") as lines:
        for row in csv.reader(lines):
            found = re.match(r"(?:statement|execute [^:]*): (.*)", row[13], re.DOTALL)
            if not found:
                continue
            sql = found[1].strip().rstrip(";").rstrip()
            if row[1] != user:
                continue
            # Blank lines end a statement in the file.
            sql = "\n".join(line.rstrip() for line in sql.splitlines() if line.strip())
            asked = re.search(r"relname = '(\w+)'", sql)
            table = asked[1] if asked and asked[1] in names else None
            last = table or last
            for number in set(re.findall(r"\b\d{5}\b", sql)):
                if int(number) >= FIRST:
                    oids.setdefault(number, last)
                    sql = re.sub(rf"\b{number}\b", f"{{oid:{oids[number]}}}", sql)
            statements[sql] = None
    print(";\n\n".join(statements) + ";")


if __name__ == "__main__":
    main()
