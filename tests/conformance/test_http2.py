"""HTTP/2 without TLS, by prior knowledge; `wasmtime serve` has no HTTP/2."""

import asyncio

import httpx
import pytest

from client import Client
from hosts import PATIENCE, Server, wait_for

STREAMS = 50


@pytest.fixture(scope="module")
def server(probe_component):
    with Server("wasmill", probe_component) as server:
        yield server


def run(server, talk):
    """What `talk` makes of a client with one connection."""

    async def main():
        limits = httpx.Limits(max_connections=1)
        url = f"http://127.0.0.1:{server.port}"
        async with httpx.AsyncClient(base_url=url, http1=False, http2=True, limits=limits, timeout=PATIENCE) as client:
            return await talk(client)

    return asyncio.run(main())


def test_streams_of_one_connection_get_their_own_answers(server):
    async def talk(client):
        async def ask(stream):
            mine = f"{stream} ".encode() * 20_000
            return mine, await client.post("/echo", content=mine, headers={"x-stream": str(stream)})

        return await asyncio.gather(*map(ask, range(STREAMS)))

    answers = run(server, talk)
    for mine, answer in answers:
        assert (answer.http_version, answer.status_code, answer.content) == ("HTTP/2", 200, mine)
        assert answer.headers["x-used"] == "1"
    assert len({id(answer.extensions["network_stream"]) for _, answer in answers}) == 1


def test_a_fault_ends_its_stream_only(server):
    async def talk(client):
        paths = ["/trap", "/count", "/panic", "/headers", "/exit", "/nothing"] * 5
        return await asyncio.gather(*map(client.get, paths))

    statuses = [answer.status_code for answer in run(server, talk)]
    assert statuses == [500, 200, 500, 200, 500, 404] * 5


def test_long_bodies_do_not_hold_each_other_up(server):
    async def talk(client):
        async with client.stream("GET", "/stream?mb=20") as long:
            # Nobody reads it yet.
            assert (await client.post("/echo", content=b"short")).content == b"short"
            return sum([len(chunk) async for chunk in long.aiter_raw()])

    assert run(server, talk) == 20 << 20


def test_a_stream_that_is_reset_leaves_nothing_in_flight(server):
    async def talk(client):
        for path in ["/hang", "/loop"] * 3:
            with pytest.raises(httpx.ReadTimeout):
                await client.get(path, timeout=httpx.Timeout(PATIENCE, read=0.05))
        return await client.get("/count")

    assert run(server, talk).status_code == 200
    none = "wasmill_requests_in_flight 0\n"
    wait_for("no request to be worked on", lambda: none in Client(server).get("/metrics").body.decode())
