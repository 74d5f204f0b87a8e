"""The limits of `wasmill serve`, which other hosts have otherwise or not."""

import http.client
import re
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from client import Client, answer, hang_up
from hosts import PATIENCE, Server, wait_for

PROMPT = 10


@pytest.fixture
def serve(probe_component):
    """Serves the probe with options of the command line."""

    @contextmanager
    def serve(*options, component=probe_component, **settings):
        with Server("wasmill", component, options=options, **settings) as server:
            yield Client(server)

    return serve


def metric(client, name):
    """A value from `/metrics`."""
    text = client.get("/metrics").body.decode()
    return float(re.search(rf"^wasmill_{name} (\S+)$", text, re.MULTILINE)[1])


def begin(client, path, length=0):
    """A request whose body, if it has one, is not there yet. It is worked on when this returns."""
    before = metric(client, "requests_in_flight")
    connection = client.server.connect()
    connection.sendall(f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n".encode())
    wait_for("the request to be worked on", lambda: metric(client, "requests_in_flight") == before + 1)
    return connection


@pytest.mark.parametrize("path", ["/loop", "/hang"])
def test_what_takes_too_long_ends_at_the_deadline(serve, path):
    with serve("--deadline=0.3", reuse=16) as probe:
        for faults in (1, 2):
            started = time.monotonic()
            late = probe.get(path)
            assert (late.status, late.json()) == (504, {"error": "no answer within 300ms"})
            assert 0.3 <= time.monotonic() - started < PROMPT
            wait_for("the fault to be counted", lambda: metric(probe, "sandbox_faults_total") == faults)
        assert probe.get("/count").headers["x-used"] == "1"


def test_a_body_that_does_not_come_ends_at_the_deadline(serve, composed):
    with serve("--deadline=0.3", component=composed) as endpoint, begin(endpoint, "/v1/score", 1) as connection:
        assert answer(connection).status == 504


def test_what_computes_leaves_time_for_others(serve):
    with serve("--deadline=60") as probe:
        busy = [begin(probe, "/loop") for _ in range(4)]
        assert all(probe.get("/count").status == 200 for _ in range(4))
        assert metric(probe, "requests_in_flight") == 4
        for connection in busy:
            hang_up(connection)


def test_faults_are_counted(serve):
    with serve() as probe:
        for faults, path in enumerate(["/trap", "/panic", "/exit"], 1):
            failed = probe.get(path)
            assert (failed.status, failed.json()) == (500, {"error": "the component failed"})
            wait_for("the fault to be counted", lambda: metric(probe, "sandbox_faults_total") == faults)
        assert probe.get("/count").status == 200
        assert metric(probe, "sandbox_faults_total") == 3
        # What it printed is not lost.
        assert "the path is /panic" in probe.server.printed()


def test_a_body_has_a_limit(serve, composed):
    mebibyte = 1 << 20
    refused = (413, {"error": f"a body has at most {mebibyte} bytes"})
    with serve("--body-limit=1", component=composed) as endpoint:
        row = b'{"fahrenheit": 50}'
        for size, chunked in [(mebibyte, False), (mebibyte, True), (mebibyte + 1, False), (mebibyte + 1, True)]:
            body = row.rjust(size)
            heard = endpoint.post("/v1/score", iter([body[:100], body[100:]]) if chunked else body)
            expect = refused if size > mebibyte else (200, heard.json())
            assert (heard.status, heard.json()) == expect
        # Who asks before the body is sent need not send it.
        with endpoint.server.connect() as connection:
            expecting = f"content-length: {mebibyte + 1}\r\nexpect: 100-continue"
            connection.sendall(f"POST /v1/score HTTP/1.1\r\nhost: x\r\n{expecting}\r\n\r\n".encode())
            heard = answer(connection)
            assert (heard.status, heard.json()) == refused


def test_a_queue_that_is_full_turns_requests_away(serve):
    with serve("--concurrency=2", "--queue=3") as probe:
        working = [begin(probe, "/hang") for _ in range(2)]
        with ThreadPoolExecutor(3) as pool:
            waiting = [pool.submit(probe.get, "/count") for _ in range(3)]
            wait_for("the queue to be full", lambda: metric(probe, "requests_queued") == 3)
            turned_away = probe.get("/count")
            assert (turned_away.status, turned_away.json()) == (503, {"error": "too many requests wait"})
            assert turned_away.headers["retry-after"] == "1"
            # Who hangs up makes room.
            hang_up(working.pop())
            assert all(request.result().status == 200 for request in waiting)
        assert metric(probe, "requests_queued") == 0
        hang_up(working.pop())
        wait_for("no request to be worked on", lambda: metric(probe, "requests_in_flight") == 0)


@pytest.mark.parametrize("path, length", [("/hang", 0), ("/loop", 0), ("/echo", 1000), ("/stream?mb=100", 0)])
def test_clients_that_hang_up_leave_nothing_in_flight(serve, path, length):
    with serve("--concurrency=8", "--deadline=5") as probe:
        for _ in range(20):
            connection = probe.server.connect()
            connection.sendall(f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n".encode())
            hang_up(connection)
        wait_for("no request to be worked on", lambda: metric(probe, "requests_in_flight") == 0)
        assert metric(probe, "requests_queued") == 0
        assert probe.post("/echo", b"still here").body == b"still here"


def echo(client):
    """An echo that has begun, and waits for the rest of its body."""
    connection = client.server.connect()
    connection.sendall(b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n")
    response = http.client.HTTPResponse(connection)
    response.begin()
    return connection, response


def test_a_server_that_is_asked_to_stop_finishes_what_it_works_on(serve, composed):
    with serve() as probe, serve(component=composed) as endpoint:
        row = b'{"fahrenheit": 50}'
        scoring = begin(endpoint, "/v1/score", len(row))
        echoing, response = echo(probe)
        idle = http.client.HTTPConnection("127.0.0.1", probe.server.port, timeout=PATIENCE)
        idle.request("GET", "/count")
        idle.getresponse().read()
        for client in (probe, endpoint):
            client.server.terminate()
        # A connection that is idle is closed; what is worked on goes on.
        assert idle.sock.recv(1) == b""
        idle.close()
        echoing.sendall(b"x" * 1000)
        assert (response.status, response.read()) == (200, b"x" * 1000)
        scoring.sendall(row)
        assert answer(scoring).json()["rows"][0]["score"] == 20
        for client, connection in [(probe, echoing), (endpoint, scoring)]:
            connection.close()
            assert client.server.process.wait(PATIENCE) == 0


def test_a_server_that_is_asked_to_stop_waits_no_longer_than_a_request_may_take(serve):
    with serve("--deadline=0.5") as probe:
        connection, response = echo(probe)
        probe.server.terminate()
        assert probe.server.process.wait(PROMPT) == 0
        response.close()
        connection.close()
