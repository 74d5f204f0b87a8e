"""PostgreSQL's protocol 3.0 by itself, for what no client shows: each message of a login, fields of an error, the state after it.
<https://www.postgresql.org/docs/15/protocol.html>
"""

import base64
import hashlib
import hmac
import os
import socket
import struct
from dataclasses import dataclass, field

from suite import DATABASE, Login, Server


class Refused(Exception):
    """An ErrorResponse; `fields` by their letters: S severity, C SQLSTATE, M message, P position, …"""

    def __init__(self, fields: dict[str, str]):
        super().__init__(f"{fields.get('C')} {fields.get('M')}")
        self.fields, self.code, self.message = fields, fields.get("C"), fields.get("M", "")


@dataclass
class Answer:
    """All until ReadyForQuery."""

    messages: list[tuple[str, bytes]] = field(default_factory=list)
    rows: list[list[bytes | None]] = field(default_factory=list)
    columns: list[tuple[str, int, int]] = field(default_factory=list)  # name, type, format
    tags: list[str] = field(default_factory=list)
    error: Refused | None = None
    state: str = ""

    @property
    def kinds(self) -> str:
        return "".join(kind for kind, _ in self.messages)

    def texts(self) -> list[list[str | None]]:
        return [[None if value is None else value.decode() for value in row] for row in self.rows]


def fields(body: bytes) -> dict[str, str]:
    return {part[:1].decode(): part[1:].decode() for part in body.split(b"\0") if part}


class Connection:
    """Of one login; `steps` has the kind of each message that the server sent before it was ready, or refused."""

    def __init__(self, server: Server, login: Login | None = None, database: str = DATABASE, **options: str):
        self.server, self.steps, self.parameters = server, [], {}
        self.socket = socket.create_connection((server.host, server.port), timeout=60)
        self.stream = self.socket.makefile("rb")
        login = login or server.whole
        try:
            self.start(login, {"user": login.user, "database": database, **options})
        except BaseException:
            self.close()
            raise

    def start(self, login: Login, options: dict[str, str]) -> None:
        body = struct.pack("!i", 196608) + b"".join(f"{k}\0{v}\0".encode() for k, v in options.items()) + b"\0"
        self.socket.sendall(struct.pack("!i", len(body) + 4) + body)
        while True:
            kind, body = self.message()
            self.steps.append(f"{kind}{struct.unpack('!i', body[:4])[0]}" if kind == "R" else kind)
            if kind == "E":
                raise Refused(fields(body))
            if kind == "R":
                self.authenticate(login, struct.unpack("!i", body[:4])[0], body[4:])
            elif kind == "S":
                name, value = body[:-1].decode().split("\0")
                self.parameters[name] = value
            elif kind == "K":
                self.key = body
            elif kind == "Z":
                return

    def authenticate(self, login: Login, method: int, data: bytes) -> None:
        """SCRAM-SHA-256 (RFC 5802, RFC 7677) and nothing else."""
        if method == 10:
            if b"SCRAM-SHA-256" not in data.split(b"\0"):
                raise AssertionError(f"no SCRAM-SHA-256 in {data!r}")
            self.first = "n=,r=" + base64.b64encode(os.urandom(18)).decode()
            first = f"n,,{self.first}".encode()
            self.send("p", b"SCRAM-SHA-256\0" + struct.pack("!i", len(first)) + first)
        elif method == 11:
            challenge = data.decode()
            parts = dict(part.split("=", 1) for part in challenge.split(","))
            salted = hashlib.pbkdf2_hmac("sha256", login.password.encode(), base64.b64decode(parts["s"]), int(parts["i"]))
            final = f"c=biws,r={parts['r']}"
            signed = f"{self.first},{challenge},{final}".encode()
            key = hmac.digest(salted, b"Client Key", "sha256")
            signature = hmac.digest(hashlib.sha256(key).digest(), signed, "sha256")
            proof = bytes(a ^ b for a, b in zip(key, signature, strict=True))
            self.verifier = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), signed, "sha256")
            self.iterations = int(parts["i"])
            self.send("p", f"{final},p={base64.b64encode(proof).decode()}".encode())
        elif method == 12:
            if base64.b64decode(data.decode().removeprefix("v=").split(",")[0]) != self.verifier:
                raise AssertionError("the server does not know the password that it accepted")
        elif method != 0:
            raise AssertionError(f"authentication by method {method}: a password would be readable, or it is an unknown one")

    def message(self) -> tuple[str, bytes]:
        head = self.stream.read(5)
        if len(head) < 5:
            raise ConnectionError(f"the server closed the connection after {self.steps[-8:]}")
        return head[:1].decode("latin-1"), self.stream.read(struct.unpack("!i", head[1:])[0] - 4)

    def send(self, kind: str, body: bytes = b"") -> None:
        self.socket.sendall(kind.encode() + struct.pack("!i", len(body) + 4) + body)

    def query(self, sql: str) -> Answer:
        """A simple query."""
        self.send("Q", sql.encode() + b"\0")
        return self.answer()

    def extended(self, sql: str, *, formats: int = 0, limit: int = 0) -> Answer:
        """The same by Parse, Bind, Describe, Execute and Sync, without parameters."""
        self.send("P", b"\0" + sql.encode() + b"\0\0\0")
        self.send("B", b"\0\0" + struct.pack("!hhhh", 0, 0, 1, formats))
        self.send("D", b"P\0")
        self.send("E", b"\0" + struct.pack("!i", limit))
        self.send("S")
        return self.answer()

    def answer(self) -> Answer:
        answer = Answer()
        while True:
            kind, body = self.message()
            answer.messages.append((kind, body))
            if kind == "E":
                answer.error = answer.error or Refused(fields(body))
                if fields(body).get("S") == "FATAL":
                    return answer
            elif kind == "T":
                answer.columns = described(body)
            elif kind == "D":
                answer.rows.append(values(body))
            elif kind == "C":
                answer.tags.append(body[:-1].decode())
            elif kind == "Z":
                answer.state = body.decode()
                return answer

    def cancel(self) -> None:
        """Asks by a connection of its own, as clients do, that what runs here is stopped."""
        with socket.create_connection((self.server.host, self.server.port), timeout=20) as other:
            other.sendall(struct.pack("!ii", len(self.key) + 8, 80877102) + self.key)
            other.recv(1)

    def close(self) -> None:
        self.stream.close()
        self.socket.close()

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def described(body: bytes) -> list[tuple[str, int, int]]:
    columns, at = [], 2
    for _ in range(struct.unpack("!h", body[:2])[0]):
        end = body.index(b"\0", at)
        _, _, kind, _, _, form = struct.unpack("!ihihih", body[end + 1 : end + 19])
        columns.append((body[at:end].decode(), kind, form))
        at = end + 19
    return columns


def values(body: bytes) -> list[bytes | None]:
    row, at = [], 2
    for _ in range(struct.unpack("!h", body[:2])[0]):
        (length,) = struct.unpack("!i", body[at : at + 4])
        at += 4
        row.append(None if length < 0 else body[at : at + length])
        at += max(length, 0)
    return row
