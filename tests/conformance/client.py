"""A plain HTTP client, and bytes by hand for what no client sends."""

import http.client
import json
import socket
from contextlib import suppress
from dataclasses import dataclass

from hosts import PATIENCE


@dataclass(frozen=True)
class Answer:
    """Status, headers (but for `date`) and body."""

    status: int
    headers: dict
    body: bytes

    def json(self):
        return json.loads(self.body)


def read(response):
    """The answer of a `http.client` response."""
    body = response.read()
    headers = {name.lower(): value for name, value in response.getheaders() if name.lower() != "date"}
    return Answer(response.status, headers, body)


class Client:
    """Asks a server, and remembers what it said."""

    def __init__(self, server):
        self.server = server
        self.heard = []

    def ask(self, method, path, body=None, headers=None):
        """One request on a connection of its own. A body that is an iterator goes out in chunks."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=PATIENCE)
        try:
            # Who is refused may hear so before all is sent.
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.request(method, path, body, headers or {}, encode_chunked=hasattr(body, "__next__"))
            return self.remember(read(connection.getresponse()))
        finally:
            connection.close()

    def get(self, path, headers=None):
        return self.ask("GET", path, headers=headers)

    def post(self, path, body, headers=None):
        """A body that is no bytes goes out as JSON."""
        if not isinstance(body, bytes) and not hasattr(body, "__next__"):
            body = json.dumps(body).encode()
        return self.ask("POST", path, body, headers)

    def send(self, data, method="POST"):
        """Bytes by hand, which ask for one answer."""
        with self.server.connect() as connection:
            connection.sendall(data)
            return self.remember(answer(connection, method))

    def remember(self, answer):
        self.heard.append(answer)
        return answer


def answer(connection, method="POST"):
    """The answer that comes on a connection; what comes after it is lost."""
    response = http.client.HTTPResponse(connection, method=method)
    response.begin()
    return read(response)


def all_answers(connection):
    """All answers that come on a connection until the server closes it; each has a length."""
    data = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    answers = []
    while data:
        head, _, data = data.partition(b"\r\n\r\n")
        status, *lines = head.decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines)
        headers.pop("date")
        length = int(headers["content-length"])
        answers.append(Answer(int(status.split()[1]), headers, data[:length]))
        data = data[length:]
    return answers


def hang_up(connection):
    """Closes a connection the rude way: what is under way is thrown away, and the other side hears of it at once."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.close()
