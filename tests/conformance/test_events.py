"""A whole pipeline as one component: the flights demo's, whose documents go to an emulator of Cosmos DB."""

import gzip
import shutil
import socket
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

from client import Client
from hosts import Server, setting

FLIGHTS = Path(__file__).parent.parent.parent / "manifests" / "flights"

# Those that give a component the environment and the network.
HOSTS = ["wasmill", "wasmtime"]

# How many of January's flights are sent.
ROWS = 500

# A key like any other, of 64 bytes.
WRONG_KEY = "d3JvbmcgdHdlbHZlIHdyb25nIHR3ZWx2ZSB3cm9uZyB0d2VsdmUgd3JvbmcgdHdlbHZlIHdyb25nIHR3ZWx2ZQ=="


@contextmanager
def emulator(port):
    """An empty Cosmos DB."""
    with subprocess.Popen(
        [setting("COSMOS_SERVER"), setting("COSMOS_KEY"), str(port), "West Europe"], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"ready\n"
        yield
        process.kill()


@pytest.fixture(scope="module")
def port():
    """Where the database is."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


@pytest.fixture(scope="module")
def component(port, tmp_path_factory):
    """The pipeline, composed, but for the steps that count."""
    folder = tmp_path_factory.mktemp("events") / "flights"
    shutil.copytree(FLIGHTS, folder, ignore=shutil.ignore_patterns(".wasmill"))
    manifest = folder / "pipeline.toml"
    local = 'url = "sqlite:.wasmill/documents.db"'
    text = manifest.read_text()
    assert local in text
    manifest.write_text(text.replace(local, f'url = "cosmos+http://127.0.0.1:{port}/shop"\ncreate = true'))
    out = folder / "flights.wasm"
    command = [setting("WASMILL_PROGRAM"), "compose", folder, "--events", "--step", "publish", "--out", out]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    assert "left out: step `count`, step `publish-routes`, step `publish-hours`" in said
    assert "COSMOS_KEY" in said and f"http://127.0.0.1:{port}" in said
    return out


@pytest.fixture(scope="module", params=HOSTS)
def host(request):
    return request.param


@pytest.fixture(scope="module")
def served(host, component, port):
    """A client of the pipeline, with an empty database behind it."""
    grants = {"environment": {"COSMOS_KEY": setting("COSMOS_KEY")}, "origins": [f"http://127.0.0.1:{port}"]}
    with emulator(port), Server(host, component, **grants) as server:
        yield Client(server)


def flights(count):
    """The first flights of January, with the header."""
    with gzip.open(FLIGHTS / "data" / "flights-2013-01.csv.gz") as lines:
        return b"".join(next(lines) for _ in range(count + 1))


def counts(answer):
    """What happened to documents."""
    return {name: count for name, count in answer.json()["documents"].items() if count and name != "charge"}


def test_an_event_is_written_before_the_answer_and_once_however_often_it_is_sent(served):
    headers = {"content-type": "text/csv", "idempotency-key": "january"}
    first = served.post("/v1/events", flights(ROWS), headers)
    assert first.status == 200, first.body
    told = first.json()
    assert (told["event"], told["rows"], told["rejected"], told["rejects"]) == ("http@january", ROWS, 0, [])
    assert counts(first) == {"inserted": ROWS} and told["documents"]["charge"] > 0
    assert counts(served.post("/v1/events", flights(ROWS), headers)) == {"unchanged": ROWS}


def test_a_bad_row_is_told_and_the_others_are_written(served):
    header, row = flights(1).splitlines()
    bad = row.replace(b"2013,1,1,", b"2013,January,1,", 1)
    other = row.replace(b",1545,", b",31,", 1)
    answer = served.post("/v1/events", b"\n".join([header, bad, other]))
    told = answer.json()
    assert (answer.status, told["rows"], told["rejected"], counts(answer)) == (200, 2, 1, {"inserted": 1})
    [reject] = told["rejects"]
    assert (reject["step"], reject["row"]) == ("ingest", 2)
    assert "January" in reject["raw"] and "month" in reject["reason"]


def test_what_happened_earlier_does_not_replace_what_is_there(served):
    header, row = flights(1).splitlines()
    sent = {"ce-specversion": "1.0", "ce-type": "flights", "ce-source": "/gate"}
    for number, time, carrier, expect in [
        (1, "2026-01-02T00:00:00Z", b",77,", "inserted"),
        (2, "2026-01-01T00:00:00Z", b",77,", "stale"),
        (3, "2026-01-03T00:00:00Z", b",77,", "replaced"),
    ]:
        changed = row.replace(b",1545,", carrier, 1).replace(b",830,819,11,", b",830,819,%d," % number, 1)
        headers = sent | {"ce-id": str(number), "ce-time": time}
        answer = served.post("/v1/events", b"\n".join([header, changed]), headers)
        assert (answer.status, counts(answer)) == (200, {expect: 1}), answer.body


def test_what_is_no_event_is_refused(served):
    assert served.get("/v1/events").status == 405
    assert served.post("/v1/events", b"[]", {"content-type": "application/cloudevents-batch+json"}).status == 415
    assert served.post("/v1/events", bytes((16 << 20) + 1)).status == 413


def test_a_wrong_key_is_a_failure_that_does_not_tell_it(host, served, component, port):
    grants = {"environment": {"COSMOS_KEY": WRONG_KEY}, "origins": [f"http://127.0.0.1:{port}"]}
    with Server(host, component, **grants) as server:
        answer = Client(server).post("/v1/events", flights(1))
        assert answer.status == 500 and "is COSMOS_KEY a key of this account" in answer.json()["error"]
        for text in answer.body.decode(), server.printed():
            assert WRONG_KEY not in text and setting("COSMOS_KEY") not in text


def test_a_missing_key_is_named(host, component, port):
    with Server(host, component, origins=[f"http://127.0.0.1:{port}"]) as server:
        answer = Client(server).post("/v1/events", flights(1))
        assert answer.status == 500 and "COSMOS_KEY" in answer.json()["error"]


def test_wasmill_serve_sends_only_what_is_allowed(component):
    key = {"COSMOS_KEY": setting("COSMOS_KEY")}
    for origins in [], ["https://*.documents.azure.com"]:
        with Server("wasmill", component, environment=key, origins=origins) as server:
            answer = Client(server).post("/v1/events", flights(1))
            assert answer.status in (500, 503) and "denied" in answer.json()["error"].lower(), answer.body
