"""Bodies that are longer than memory should be, and clients that do not stay to the end."""

import http.client
import random
import threading

import pytest

from client import Client, hang_up
from hosts import PATIENCE

MIB = 1 << 20
LONG = 100 * MIB


@pytest.fixture
def level(probe_server):
    """The server's memory stays level: whatever a test streams, it is not held."""
    before = probe_server.memory("VmRSS")
    # From now on `VmHWM` is the most since now.
    with open(f"/proc/{probe_server.process.pid}/clear_refs", "w") as refs:
        refs.write("5")
    yield
    assert probe_server.memory("VmHWM") - before < 50 * MIB


def test_a_long_body_goes_out(probe_server, level):
    connection = http.client.HTTPConnection("127.0.0.1", probe_server.port, timeout=PATIENCE)
    connection.request("GET", f"/stream?mb={LONG // MIB}")
    response = connection.getresponse()
    assert sum(map(len, iter(lambda: response.read(MIB), b""))) == LONG
    connection.close()


@pytest.mark.parametrize("chunked", [True, False])
def test_a_long_body_comes_back_while_it_goes_in(probe_server, level, chunked):
    block = random.Random(1).randbytes(MIB)
    with probe_server.connect() as connection:

        def send():
            framing = "transfer-encoding: chunked" if chunked else f"content-length: {LONG}"
            connection.sendall(f"POST /echo HTTP/1.1\r\nhost: x\r\n{framing}\r\n\r\n".encode())
            for number in range(LONG // MIB):
                # Every block is another one, so that none can stand for another.
                chunk = number.to_bytes(4, "big") + block[4:]
                connection.sendall(b"%x\r\n%s\r\n" % (MIB, chunk) if chunked else chunk)
            if chunked:
                connection.sendall(b"0\r\n\r\n")

        sender = threading.Thread(target=send)
        sender.start()
        response = http.client.HTTPResponse(connection)
        response.begin()
        for number in range(LONG // MIB):
            assert response.read(MIB) == number.to_bytes(4, "big") + block[4:]
        assert response.read() == b""
        sender.join()


def begin(server, head, body=b""):
    connection = server.connect()
    connection.sendall(head.encode() + body)
    return connection


def test_clients_that_hang_up_are_no_harm(probe_server, level):
    post = "POST /echo HTTP/1.1\r\nhost: x\r\n"
    sized, chunked = f"{post}content-length: 1000\r\n\r\n", f"{post}transfer-encoding: chunked\r\n\r\n"
    for _ in range(10):
        # Before there is a request, in its head, before its body, in its body, and after it.
        hang_up(probe_server.connect())
        hang_up(begin(probe_server, "POST /echo HT"))
        for head in (sized, chunked):
            hang_up(begin(probe_server, head))
        hang_up(begin(probe_server, sized, b"x" * 500))
        hang_up(begin(probe_server, chunked, b"10\r\nxx"))
        hang_up(begin(probe_server, sized, b"x" * 1000))
        # While it is answered.
        long = begin(probe_server, "GET /stream?mb=100 HTTP/1.1\r\nhost: x\r\n\r\n")
        assert long.recv(1 << 16).startswith(b"HTTP/1.1 200 OK\r\n")
        hang_up(long)
        # Politely, and with a body that is not all there.
        begin(probe_server, sized, b"x" * 500).close()
    probe = Client(probe_server)
    assert probe.post("/echo", b"still here").body == b"still here"


def test_a_body_that_ends_too_early_is_not_taken_for_a_whole_one(endpoint_server):
    # What came is whole JSON, but not the whole body.
    row = b'{"fahrenheit": 50}'
    head = f"POST /v1/score HTTP/1.1\r\nhost: x\r\ncontent-length: {len(row) + 1}\r\n\r\n"
    with endpoint_server.connect() as connection:
        connection.sendall(head.encode() + row)
        connection.shutdown(1)
        heard = connection.recv(1 << 16)
    assert b"200 OK" not in heard
    assert Client(endpoint_server).post("/v1/score", row).status == 200


def test_an_answer_that_ends_too_early_is_not_taken_for_a_whole_one(probe_server):
    connection = http.client.HTTPConnection("127.0.0.1", probe_server.port, timeout=PATIENCE)
    connection.request("GET", "/cut")
    # It says that it has 2000 bytes; with luck, 1000 of them came before the trap.
    with pytest.raises((http.client.IncompleteRead, http.client.RemoteDisconnected)):
        connection.getresponse().read()
    connection.close()
