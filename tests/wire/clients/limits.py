"""What ends: statements by time and on demand, clients that go away, connections that are too many; and memory that does not grow."""

import os
import socket
import struct
import threading
import time

import data
from process import cpu, memory
from suite import SLOW, Server, Skipped, check, equal, one_of
from wire import Connection, Refused

# Kilobytes that the server may grow by while a million rows are on their way to a client that reads none.
GROWTH = 300_000


def within(seconds: float, started: float, what: str) -> None:
    took = time.monotonic() - started
    if took > seconds:
        raise AssertionError(f"{what} took {took:.1f} s")


@check("limits", "statement_timeout ends a statement as 57014")
def statement_timeout(server: Server) -> None:
    with Connection(server) as connection:
        connection.query("SET statement_timeout = 300")
        for ask in (connection.query, connection.extended):
            started = time.monotonic()
            answer = ask(SLOW)
            equal((answer.error and answer.error.code, answer.state), ("57014", "I"))
            within(15, started, "the end by a time-out")
        equal(connection.query("SELECT 1").texts(), [["1"]])


@check("limits", "a statement_timeout of the login is one as well")
def login_timeout(server: Server) -> None:
    with Connection(server, options="-c statement_timeout=300") as connection:
        equal(connection.query(SLOW).error.code, "57014")


@check("limits", "a CancelRequest ends the statement as 57014, and the connection goes on")
def cancel(server: Server) -> None:
    for ask in ("query", "extended"):
        with Connection(server) as connection:
            timer = threading.Timer(0.5, connection.cancel)
            timer.start()
            started = time.monotonic()
            answer = getattr(connection, ask)(SLOW)
            timer.join()
            equal((answer.error and answer.error.code, answer.state), ("57014", "I"))
            within(15, started, "the end by a CancelRequest")
            equal(connection.query("SELECT count(*) FROM customers").texts(), [["30"]])


@check("limits", "a CancelRequest in the middle of a result ends it")
def cancel_result(server: Server) -> None:
    with Connection(server) as connection:
        connection.send("Q", b"SELECT a.n, a.label FROM big a CROSS JOIN big b\0")
        for _ in range(1000):
            connection.message()
        connection.cancel()
        equal(connection.answer().error.code, "57014")
        equal(connection.query("SELECT 1").texts(), [["1"]])


@check("limits", "a CancelRequest with another secret ends nothing, nor does one that comes too late")
def wrong_cancel(server: Server) -> None:
    with Connection(server) as connection:
        key = connection.key
        connection.key = key[:4] + bytes(byte ^ 1 for byte in key[4:])
        connection.cancel()
        connection.key = key
        connection.cancel()
        # It may still be on its way, to nothing that runs.
        time.sleep(0.3)
        equal(connection.query("SELECT count(n) FROM big").texts(), [[str(data.BIG)]])


@check("limits", "a million rows come whole")
def million(server: Server) -> None:
    with Connection(server) as connection:
        connection.send("Q", b"SELECT n, half, label FROM big\0")
        rows = bytes_ = 0
        while True:
            kind, body = connection.message()
            if kind == "Z":
                break
            if kind == "E":
                raise AssertionError(body)
            rows, bytes_ = rows + (kind == "D"), bytes_ + len(body)
        equal(rows, data.BIG)


@check("limits", "many rows that nobody reads do not fill the server's memory")
def slow_reader(server: Server) -> None:
    if server.pid is None:
        raise Skipped("WIRE_PID is not set")
    with Connection(server) as connection:
        connection.query("SELECT n, half, label FROM big LIMIT 1000")
        before = memory(server)
        # Ten million rows, of which a tenth of a thousandth is read.
        sql = "SELECT a.n, a.half, a.label, b.label FROM big a CROSS JOIN (SELECT label FROM big WHERE n <= 10) b"
        connection.send("Q", sql.encode() + b"\0")
        connection.message()
        most = 0
        for _ in range(20):
            for _ in range(50):
                connection.message()
            time.sleep(0.2)
            most = max(most, memory(server))
        connection.cancel()
        equal(connection.answer().error.code, "57014")
    if most - before > GROWTH:
        raise AssertionError(f"the server grew from {before} kB to {most} kB")


@check("limits", "a cursor that is read slowly does not fill the server's memory")
def slow_cursor(server: Server) -> None:
    if server.pid is None:
        raise Skipped("WIRE_PID is not set")
    with Connection(server) as connection:
        before = memory(server)
        connection.query("BEGIN")
        sql = "SELECT a.n, a.half, a.label FROM big a CROSS JOIN (SELECT n FROM big WHERE n <= 10) b"
        equal(connection.query(f"DECLARE c NO SCROLL CURSOR FOR {sql}").error, None)
        for _ in range(20):
            equal(len(connection.query("FETCH FORWARD 1000 FROM c").rows), 1000)
        grown = memory(server) - before
        equal(connection.query("CLOSE c").error, None)
    if grown > GROWTH:
        raise AssertionError(f"the server grew by {grown} kB")


@check("limits", "what a client asked ends with the client: in a result, and before its first row")
def gone(server: Server) -> None:
    with Connection(server) as other:
        # PostgreSQL looks for a client only when it writes to it, and would go on with the second.
        for sql, read in (("SELECT a.n, a.label FROM big a CROSS JOIN big b", 100), (SLOW, 0))[: 1 if server.reference else 2]:
            connection = Connection(server)
            connection.send("Q", sql.encode() + b"\0")
            for _ in range(read):
                connection.message()
            # Reset, as when a laptop is closed; not a Terminate.
            connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
            equal(other.query("SELECT count(*) FROM customers").texts(), [["30"]])
            if server.pid is None:
                continue
            deadline = time.monotonic() + 20
            while True:
                used = cpu(server)
                time.sleep(1)
                if cpu(server) - used < os.sysconf("SC_CLK_TCK") / 4:
                    break
                if time.monotonic() > deadline:
                    raise AssertionError(f"the server still works on {sql}")


@check("limits", "one connection too many is refused as 53300, and there is room again afterwards")
def too_many(server: Server) -> None:
    if server.connections is None:
        raise Skipped("WIRE_CONNECTIONS is not set")
    connections = []
    try:
        for _ in range(server.connections):
            connections.append(patiently(server))
        try:
            Connection(server).close()
            raise AssertionError(f"connection {server.connections + 1} was let in")
        except Refused as error:
            one_of((error.code, error.fields["S"]), (("53300", "FATAL"),))
        equal(connections[0].query("SELECT 1").texts(), [["1"]])
    finally:
        for connection in connections:
            connection.close()
    patiently(server).close()


def patiently(server: Server) -> Connection:
    """A connection, once there is room: those of before take a moment to end."""
    deadline = time.monotonic() + 10
    while True:
        try:
            return Connection(server)
        except Refused:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


@check("limits", "who does not say who it is, or talks nonsense, is left alone by the others")
def nonsense(server: Server) -> None:
    made = []
    for start in (
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        struct.pack("!ii", 2_000_000_000, 196608),
        struct.pack("!ii", 8, 196608),
        struct.pack("!ii", 3, 196608),
        b"",
    ):
        connection = socket.create_connection((server.host, server.port), timeout=20)
        connection.sendall(start)
        made.append(connection)
    with Connection(server) as connection:
        # An unknown message, and one that claims to be larger than anything.
        equal(connection.query("SELECT 1").texts(), [["1"]])
        connection.socket.sendall(b"!" + struct.pack("!i", 4))
        try:
            equal(connection.answer().error.code, "08P01")
        except ConnectionError:
            pass
    with Connection(server) as connection:
        connection.socket.sendall(b"Q" + struct.pack("!i", 2_000_000_000) + b"SELECT 1\0")
        try:
            connection.socket.settimeout(5)
            connection.answer()
        except (TimeoutError, OSError):
            pass
    for connection in made:
        connection.close()
    with Connection(server) as connection:
        equal(connection.query("SELECT count(*) FROM customers").texts(), [["30"]])
