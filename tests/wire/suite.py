"""What a file of checks needs: where the server is, a name for each check, and words for what is not as expected."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

DATABASE = "wasmill"

# Never ends by itself, is not answered from statistics, and is no volatile function, which a pipeline's views refuse.
SLOW = "SELECT sum((a.n * b.n) % 7) FROM big a CROSS JOIN big b"


class Skipped(Exception):
    """What a check needs is not there; the reason is the text."""


@dataclass
class Login:
    user: str
    password: str = field(repr=False)


@dataclass
class Server:
    """What run.py was told about the server."""

    host: str
    port: int
    whole: Login  # sees every row of every table
    tenant: Login  # sees the rows of `north`, and no `payroll`
    expired: Login | None  # a key that was good once
    ca: str | None  # the file of the certificate's issuer, if there is TLS
    pid: int | None  # the server's process, to look at its memory
    connections: int | None  # how many one may have
    reference: bool  # a real PostgreSQL, which is allowed what the comments beside `reference` say

    def url(self, scheme: str = "postgresql", login: Login | None = None) -> str:
        login = login or self.whole
        return f"{scheme}://{login.user}:{login.password}@{self.host}:{self.port}/{DATABASE}"

    def parts(self, login: Login | None = None) -> dict[str, object]:
        login = login or self.whole
        return {"host": self.host, "port": self.port, "user": login.user, "password": login.password}

    def libpq(self, login: Login | None = None) -> dict[str, str]:
        """The same as variables of the environment, for programs that have libpq inside."""
        login = login or self.whole
        variables = {"PGHOST": self.host, "PGPORT": str(self.port), "PGDATABASE": DATABASE}
        return dict(os.environ, **variables, PGUSER=login.user, PGPASSWORD=login.password, PGTZ="UTC", PGCONNECT_TIMEOUT="20")


def server(host: str, port: int) -> Server:
    env = os.environ

    def login(prefix: str) -> Login:
        return Login(env[f"{prefix}USER"], env[f"{prefix}PASSWORD"])

    return Server(
        host,
        port,
        whole=login("WIRE_"),
        tenant=login("WIRE_TENANT_"),
        expired=login("WIRE_EXPIRED_") if "WIRE_EXPIRED_USER" in env else None,
        ca=env.get("WIRE_CA"),
        pid=int(env["WIRE_PID"]) if "WIRE_PID" in env else None,
        connections=int(env["WIRE_CONNECTIONS"]) if "WIRE_CONNECTIONS" in env else None,
        reference=env.get("WIRE_REFERENCE") == "1",
    )


# The checks of all clients, in the order of the files: client, name, function.
CHECKS: list[tuple[str, str, Callable[[Server], object]]] = []


def check(client: str, name: str) -> Callable:
    """Gives a function its line in what is printed. A function that yields pairs of a name and an error has a line for each."""

    def register(function: Callable[[Server], object]) -> Callable[[Server], object]:
        CHECKS.append((client, name, function))
        return function

    return register


# Pairs of a name and either nothing or what is wrong.
Results = Iterator[tuple[str, str | None]]


def equal(found: object, expected: object, what: str = "") -> None:
    if found != expected:
        raise AssertionError(f"{what}{': ' if what else ''}expected {expected!r}, found {found!r}")


def one_of(found: object, expected: tuple, what: str = "") -> None:
    if found not in expected:
        raise AssertionError(f"{what}{': ' if what else ''}expected one of {expected!r}, found {found!r}")


def contains(text: str, *parts: str) -> None:
    for part in parts:
        if part not in text:
            raise AssertionError(f"{part!r} is not in {text!r}")


def lacks(text: str, *parts: str) -> None:
    for part in parts:
        if part.lower() in text.lower():
            raise AssertionError(f"{part!r} must not be in {text!r}")


def same_value(found: object, expected: object) -> bool:
    """Equal, NaN to itself as well."""
    return found == expected or (found != found and expected != expected)


def variable(name: str, of: str) -> str:
    """A path that tools/wire.sh says."""
    value = os.environ.get(name)
    if not value:
        raise Skipped(f"{name} is not set: {of}")
    return value


def program(name: str, variable_name: str) -> str:
    found = os.environ.get(variable_name) or shutil.which(name)
    if not found:
        raise Skipped(f"there is no `{name}`")
    return found
