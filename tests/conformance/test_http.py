"""HTTP/1.1 as it is, not only as clients send it."""

import http.client
import json
import socket

import pytest

from client import Client, all_answers, answer, read
from hosts import PATIENCE

ROW = b'{"fahrenheit": 50}'
EXPECT = b'{"rows":[{"city":null,"station":null,"indoors":null,"score":20.0}]}'


def head(*lines, method="POST", path="/v1/score"):
    return "\r\n".join([f"{method} {path} HTTP/1.1", "host: x", *lines, "", ""]).encode()


def check(answer):
    assert (answer.status, answer.body) == (200, EXPECT)


def test_a_body_comes_in_chunks(endpoint):
    check(endpoint.post("/v1/score", (ROW[at : at + 5] for at in range(0, len(ROW), 5))))


def test_chunks_may_have_extensions_and_trailers(endpoint):
    chunked = b'%x;name="value"\r\n%s\r\n0\r\nx-trailer: 1\r\n\r\n' % (len(ROW), ROW)
    check(endpoint.send(head("Transfer-Encoding: chunked", "Trailer: x-trailer") + chunked))


def test_a_body_may_come_a_byte_at_a_time(endpoint):
    with endpoint.server.connect() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in head(f"content-length: {len(ROW)}") + ROW:
            connection.send(bytes([byte]))
        check(endpoint.remember(answer(connection)))


def test_a_request_without_a_body_has_an_empty_one(endpoint):
    for lines in [(), ("content-length: 0",), ("transfer-encoding: chunked",)]:
        end = b"0\r\n\r\n" if "transfer-encoding: chunked" in lines else b""
        refused = endpoint.send(head(*lines) + end)
        assert refused.status == 400
        assert refused.json()["error"].startswith("the body is not JSON: EOF")


def test_the_case_of_headers_and_space_around_them_do_not_matter(endpoint):
    lines = ["cOnTeNt-TyPe:\t text/csv ", "ACCEPT:application/json", f"CONTENT-LENGTH:{len('fahrenheit') + 4}"]
    check(endpoint.send(head(*lines) + b"fahrenheit\n50\n"))


def test_head_is_get_without_the_body(endpoint):
    for path, status in [("/v2", 200), ("/v2/models/double", 200), ("/nothing", 404), ("/v1/score", 405)]:
        got, heard = endpoint.get(path), endpoint.ask("HEAD", path)
        assert (got.status, heard.status, heard.body) == (status, status, b"")
        assert heard.headers["content-type"] == got.headers["content-type"]
    # On the wire too: the next answer follows at once.
    with endpoint.server.connect() as connection:
        connection.sendall(head(method="HEAD", path="/v2") + head("connection: close", method="HEAD", path="/v2"))
        wire = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    assert wire.count(b"HTTP/1.1 200 OK\r\n") == 2
    assert wire.endswith(b"\r\n\r\n") and b"{" not in wire


def test_who_expects_to_be_told_to_continue_is(endpoint):
    with endpoint.server.connect() as connection:
        connection.sendall(head("expect: 100-continue", f"content-length: {len(ROW)}"))
        assert connection.recv(1 << 16) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(ROW)
        check(endpoint.remember(answer(connection)))


def test_a_connection_serves_many_requests(endpoint):
    connection = http.client.HTTPConnection("127.0.0.1", endpoint.server.port, timeout=PATIENCE)
    connection.connect()
    first = connection.sock
    for celsius in range(200):
        body = json.dumps({"fahrenheit": celsius * 0.18 + 32, "station": celsius})
        connection.request("POST", "/v1/score", body)
        scored = read(connection.getresponse()).json()["rows"][0]
        assert (scored["station"], scored["score"]) == (celsius, pytest.approx(celsius * 0.2, abs=1e-4))
        # An error does not end it either.
        if celsius % 50 == 0:
            connection.request("POST", "/v1/score", b"{")
            assert read(connection.getresponse()).status == 400
        assert connection.sock is first
    connection.close()


def test_requests_that_do_not_wait_are_answered_in_order(endpoint):
    requests = []
    for station in range(20):
        row = json.dumps({"fahrenheit": 50, "station": station}).encode()
        requests.append(head(f"content-length: {len(row)}") + row)
    requests.append(head("connection: close", method="GET", path="/nothing"))
    with endpoint.server.connect() as connection:
        connection.sendall(b"".join(requests))
        answers = all_answers(connection)
    assert [answer.status for answer in answers] == [200] * 20 + [404]
    assert [answer.json()["rows"][0]["station"] for answer in answers[:-1]] == list(range(20))


def test_http_1_0_is_answered_and_the_connection_closed(endpoint):
    with endpoint.server.connect() as connection:
        connection.sendall(b"POST /v1/score HTTP/1.0\r\nhost: x\r\ncontent-length: %d\r\n\r\n%s" % (len(ROW), ROW))
        wire = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    assert wire.startswith(b"HTTP/1.0 200 OK\r\n") and wire.endswith(EXPECT)


def test_a_target_may_be_absolute(endpoint_server):
    path = f"http://127.0.0.1:{endpoint_server.port}/v2/health/live?x=1"
    heard = Client(endpoint_server).send(head(method="GET", path=path), method="GET")
    # wasmCloud refuses it, though every server is to take it (RFC 9112, 3.2.2); only proxies are sent such.
    assert heard.status == (400 if endpoint_server.host == "wasmcloud" else 200)


def test_what_is_no_http_is_refused(endpoint):
    for wrong in [b"hello\r\n\r\n", head("content-length: x"), head("bad header: 1"), head(path="/\x00")]:
        with endpoint.server.connect() as connection:
            connection.sendall(wrong)
            assert b"".join(iter(lambda: connection.recv(1 << 16), b"")).startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert endpoint.get("/v2/health/live").status == 200
