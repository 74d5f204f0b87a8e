"""What the tests are given: servers of the endpoint and of the probe, on each host."""

import functools
import os
import signal
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest

from client import Client
from hosts import HOSTS, Server, setting

HERE = Path(__file__).parent

# Whoever ends the suite ends its servers.
signal.signal(signal.SIGTERM, signal.default_int_handler)

# Where the endpoint is served, and the version of WASI that it is composed for.
ENDPOINTS = ["wasmill-0.2", "wasmtime-0.2", "wasmcloud-0.2", "wasmill-0.3", "wasmtime-0.3"]
CHOSEN = os.environ.get("ENDPOINTS", " ".join(ENDPOINTS)).split()

# What a test heard on the first host that it ran on; it must hear the same on all others.
HEARD = {}


@functools.cache
def compose(wasi):
    """The endpoint, composed."""
    out = Path(setting("WASMILL_CACHE"), "conformance", f"endpoint-{wasi}.wasm")
    out.parent.mkdir(exist_ok=True)
    command = [setting("WASMILL_PROGRAM"), "compose", HERE / "endpoint", "--wasi", wasi, "--out", out]
    subprocess.run(command, check=True)
    return out


@pytest.fixture(scope="session")
def composed():
    """The endpoint, composed for WASI 0.2."""
    return compose("0.2")


@pytest.fixture(scope="session")
def probe_component():
    """The component that does what the path says: `functions/probe`."""
    return Path(setting("WASMILL_COMPONENTS"), "endpoint", "probe.wasm")


@pytest.fixture(scope="session")
def servers():
    """Servers of the endpoint. They begin before they are needed, because some take minutes to compile it."""
    with ExitStack() as stack:
        begun = {}
        for name in CHOSEN:
            host, wasi = name.split("-")
            # As `wasmtime serve` does unasked: an instance of 0.3 answers many requests, some of them at once.
            reuse = {"0.2": 1, "0.3": 128}[wasi]
            begun[name] = stack.enter_context(Server(host, compose(wasi), reuse=reuse))
        yield begun


@pytest.fixture(scope="session", params=CHOSEN)
def endpoint_server(request, servers):
    """A server of the endpoint, on each host."""
    return servers[request.param]


@pytest.fixture
def endpoint(request, endpoint_server):
    """A client of the endpoint. All that it hears must be the same on every host."""
    client = Client(endpoint_server)
    yield client
    others = {name: value for name, value in request.node.callspec.params.items() if name != "endpoint_server"}
    assert client.heard == HEARD.setdefault((request.node.originalname, repr(others)), client.heard)


@pytest.fixture(scope="session", params=HOSTS)
def probe_server(request, probe_component):
    """A server of the probe, on each host, with a fresh instance of 64 MiB for each request."""
    with Server(request.param, probe_component, memory=64) as server:
        yield server


@pytest.fixture
def probe(probe_server):
    """A client of the probe."""
    return Client(probe_server)


@pytest.fixture(params=[host for host in HOSTS if host != "wasmcloud"])
def serve_probe(request, probe_component):
    """Starts a server of the probe, on each host that may use an instance again."""
    return lambda **settings: Server(request.param, probe_component, **settings)
