"""How often an instance is used, and what becomes of one that fails."""

import http.client
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from client import Client

CLIENTS = 64


def used(answer):
    """How many requests the instance had had."""
    return int(answer.headers["x-used"])


@pytest.mark.parametrize("reuse", [1, 2, 16, 128])
def test_an_instance_is_used_as_often_as_is_set(serve_probe, reuse):
    with serve_probe(reuse=reuse) as server:
        probe = Client(server)

        def ask(times):
            return [used(probe.get("/count")) for _ in range(times)]

        # One after the other, an instance is used again unless it is still busy with the end of its answer: on a busy
        # machine it may take some turns until one is used as often as it may be.
        counts = Counter()
        while counts.total() < 4000 and counts[reuse] == 0:
            counts.update(ask(200))
        alone = counts.total()
        assert max(counts) == reuse
        with ThreadPoolExecutor(CLIENTS) as pool:
            for at_once in pool.map(ask, [8] * CLIENTS):
                counts.update(at_once)
        assert max(counts) == reuse
        # Every request was the first, second and so on of an instance: there is no second use without a first.
        assert counts.total() == alone + 8 * CLIENTS
        assert all(counts[use] <= counts[use - 1] for use in range(2, reuse + 1))


@pytest.mark.parametrize("reuse", [1, 16])
def test_clients_at_once_get_their_own_answers(serve_probe, reuse):
    with serve_probe(reuse=reuse) as server:

        def ask(client):
            probe = Client(server)
            for request in range(5):
                mine = f"{client}/{request} ".encode() * 5000
                assert probe.post("/echo", mine).body == mine
                token = f"{client}.{request}"
                lines = probe.get(f"/headers?{token}", {"x-token": token, "accept-encoding": ""}).body.decode()
                assert f"x-token: {token}\n" in lines and lines.count("x-token") == 1
            return True

        with ThreadPoolExecutor(CLIENTS) as pool:
            assert all(pool.map(ask, range(CLIENTS)))


@pytest.mark.parametrize("path", ["/trap", "/panic", "/exit"])
def test_an_instance_that_fails_is_an_error_and_gone(serve_probe, path):
    with serve_probe(reuse=128) as server:
        probe = Client(server)
        counts = []
        for _ in range(20):
            counts.append(used(probe.get("/count")))
            assert probe.get(path).status == 500
        # If it were used again, the next would be the third use, the fifth and so on. (A few may be second uses: an
        # instance that is busy with the end of its answer is passed over, and another one fails.)
        assert counts.count(1) > 10 and max(counts) < 5


def test_a_connection_outlives_an_instance(probe_server):
    connection = http.client.HTTPConnection("127.0.0.1", probe_server.port, timeout=30)
    connection.connect()
    first = connection.sock
    for path, status in [("/count", 200), ("/trap", 500), ("/count", 200), ("/nothing", 404)]:
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
        assert (response.status, connection.sock) == (status, first)
    connection.close()


def test_memory_is_given_up_to_the_limit_and_no_further(probe):
    answers = [probe.get("/memory") for _ in range(5)]
    assert [answer.status for answer in answers] == [200] * 5
    # The limit is 64 MiB; a few go to what is there before.
    assert all(50 <= int(answer.body) < 64 for answer in answers)


def test_requests_see_their_own_headers(probe):
    lines = probe.send(
        b"GET /headers HTTP/1.1\r\nHost: x\r\nX-B: 2\r\nx-a:  1 \r\nX-B: 1\r\nx-empty:\r\ncookie: a=b\r\n\r\n", "GET"
    ).body.decode()
    assert [line for line in lines.splitlines() if not line.startswith("host")] == [
        "cookie: a=b",
        "x-a: 1",
        "x-b: 1",
        "x-b: 2",
        "x-empty: ",
    ]
