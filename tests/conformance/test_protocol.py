"""The Open Inference Protocol, version 2: health, metadata, and tensors in JSON and in binary."""

import json
import struct

import pytest

INFER = "/v2/models/double/infer"
LENGTH = "inference-header-content-length"


def tensor(name, datatype, data, shape=None):
    return {"name": name, "datatype": datatype, "shape": shape or [len(data)], "data": data}


FAHRENHEIT = tensor("fahrenheit", "FP64", [32, 50])


def binary(request, tensors=b""):
    """A body with tensors after the JSON, and the headers that say so."""
    head = json.dumps(request).encode()
    return head + tensors, {LENGTH: str(len(head)), "content-type": "application/octet-stream"}


def check(answer, status, expect, **headers):
    """The whole answer, which is JSON."""
    assert (answer.status, answer.json()) == (status, expect)
    length = str(len(answer.body))
    assert answer.headers == {"content-type": "application/json", "content-length": length} | headers


@pytest.mark.parametrize(
    "path, expect",
    [
        ("/v2/health/live", {"live": True}),
        ("/v2/health/ready", {"live": True, "ready": True}),
        ("/v2/models/double/ready", {"name": "double", "ready": True}),
        ("/v2/models/double/versions/1/ready", {"name": "double", "ready": True}),
    ],
)
def test_who_asks_is_told_that_all_is_well(endpoint, path, expect):
    check(endpoint.get(path), 200, expect)


@pytest.mark.parametrize("path", ["/v2/models/double", "/v2/models/double/versions/1", "/v2/models/%64oubl%65/"])
def test_the_model_is_described(endpoint, path):
    inputs = [("fahrenheit", "FP64"), ("city", "BYTES"), ("station", "INT64"), ("indoors", "BOOL")]
    describe = [{"name": name, "datatype": datatype, "shape": [-1]} for name, datatype in inputs]
    outputs = [{"name": "score", "datatype": "FP32", "shape": [-1]}]
    expect = {"name": "double", "versions": ["1"], "platform": "wasmill", "inputs": describe, "outputs": outputs}
    check(endpoint.get(path), 200, expect)


def test_the_server_says_what_it_is_and_has(endpoint):
    server = endpoint.get("/v2")
    assert server.status == 200
    assert server.json()["name"] == "wasmill"
    assert server.json()["extensions"] == ["binary_tensor_data", "model_repository"]
    models = [{"name": "double", "version": "1", "state": "READY", "reason": ""}]
    check(endpoint.post("/v2/repository/index", {}), 200, models)
    check(endpoint.post("/v2/repository/index", b""), 200, models)
    assert endpoint.get("/").json()["infer"] == "POST /v2/models/double/infer"


@pytest.mark.parametrize("path", [INFER, "/v2/models/double/versions/1/infer"])
def test_tensors_are_inferred(endpoint, path):
    outputs = [tensor("score", "FP32", [0.0, 20.0])]
    expect = {"model_name": "double", "model_version": "1", "outputs": outputs}
    check(endpoint.post(path, {"inputs": [FAHRENHEIT]}), 200, expect)


def test_every_input_is_taken_in_any_order(endpoint):
    city, station = tensor("city", "BYTES", ["Bern", "Genf"]), tensor("station", "INT64", [1, -2])
    inputs = [station, tensor("indoors", "BOOL", [True, False]), FAHRENHEIT, city]
    request = {"id": "r 7", "inputs": inputs, "outputs": [{"name": "score"}], "parameters": {"unknown": 1}}
    answer = endpoint.post(INFER, request).json()
    assert answer["id"] == "r 7"
    assert answer["outputs"] == [tensor("score", "FP32", [0.0, 20.0])]


def test_tensors_come_and_go_in_binary(endpoint):
    given = {"name": "fahrenheit", "datatype": "FP64", "shape": [2], "parameters": {"binary_data_size": 16}}
    cities = {"name": "city", "datatype": "BYTES", "shape": [2], "parameters": {"binary_data_size": 12}}
    body, headers = binary(
        {"inputs": [given, cities], "parameters": {"binary_data_output": True}},
        struct.pack("<2d", 32, 50) + struct.pack("<I4sI", 4, b"Bern", 0),
    )
    answer = endpoint.post(INFER, body, headers)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/octet-stream")
    length = int(answer.headers[LENGTH])
    head = json.loads(answer.body[:length])
    assert head["outputs"] == [
        {"name": "score", "datatype": "FP32", "shape": [2], "parameters": {"binary_data_size": 8}}
    ]
    assert struct.unpack("<2f", answer.body[length:]) == (0, 20)


def test_a_binary_request_may_have_an_answer_in_json(endpoint):
    given = {"name": "fahrenheit", "datatype": "FP64", "shape": [1], "parameters": {"binary_data_size": 8}}
    outputs = [{"name": "score", "parameters": {"binary_data": False}}]
    body, headers = binary({"inputs": [given], "outputs": outputs}, struct.pack("<d", 50))
    answer = endpoint.post(INFER, body, headers)
    assert answer.json()["outputs"] == [tensor("score", "FP32", [20.0])]
    assert LENGTH not in answer.headers


@pytest.mark.parametrize(
    "request_, error",
    [
        ([FAHRENHEIT], "the body is not an inference request"),
        ({}, "missing field `inputs`"),
        ({"inputs": []}, "`inputs` is empty"),
        ({"inputs": [tensor("city", "BYTES", ["Bern"])]}, "the input `fahrenheit` (FP64 [-1]) is missing"),
        ({"inputs": [FAHRENHEIT, FAHRENHEIT]}, "the input `fahrenheit` is given twice"),
        ({"inputs": [FAHRENHEIT, tensor("city", "BYTES", ["Bern"])]}, "do not have the same first dimension"),
        ({"inputs": [tensor("kelvin", "FP64", [1])]}, "the model has no input `kelvin`; it has `fahrenheit`, `city`"),
        ({"inputs": [tensor("fahrenheit", "FP32", [1])]}, "it is FP32 [1], the model takes FP64 [-1]"),
        ({"inputs": [tensor("fahrenheit", "FP64", [1], [1, 1])]}, "it is FP64 [1, 1], the model takes FP64 [-1]"),
        ({"inputs": [tensor("fahrenheit", "FP64", [1], [2])]}, "it has 1 values, which is not its shape [2]"),
        ({"inputs": [tensor("fahrenheit", "FP64", ["warm"])]}, '"warm" is not FP64'),
        ({"inputs": [FAHRENHEIT], "outputs": [{"name": "y"}]}, "the model has no output `y`; it has `score`"),
    ],
)
def test_a_request_that_is_wrong_is_told_what_is(endpoint, request_, error):
    answer = endpoint.post(INFER, request_)
    assert answer.status == 400
    assert error in answer.json()["error"]
    check(answer, 400, {"error": answer.json()["error"]})


@pytest.mark.parametrize(
    "size, length, tensors, error",
    [
        (16, None, bytes(8), "the body has no 16 more bytes"),
        (8, None, bytes(9), "1 bytes of the body belong to no input"),
        (7, None, bytes(7), "7 bytes are not values of FP64"),
        (8, "9999", bytes(8), "is not a length within the body"),
        (8, "-1", bytes(8), "is not a length within the body"),
    ],
)
def test_binary_that_does_not_fit_is_refused(endpoint, size, length, tensors, error):
    given = {"name": "fahrenheit", "datatype": "FP64", "shape": [1], "parameters": {"binary_data_size": size}}
    body, headers = binary({"inputs": [given]}, tensors)
    if length:
        headers[LENGTH] = length
    answer = endpoint.post(INFER, body, headers)
    assert answer.status == 400
    assert error in answer.json()["error"]


def test_a_row_that_breaks_a_rule_fails_its_request(endpoint):
    answer = endpoint.post(INFER, {"inputs": [tensor("fahrenheit", "FP64", [32, 212])]})
    check(answer, 422, {"error": "row 1 of 2: rule `plausible`: t < 60"})


@pytest.mark.parametrize(
    "method, path, status, error",
    [
        ("POST", "/v2/models/triple/infer", 404, "there is no model `triple`; there is `double`"),
        ("GET", "/v2/models/no%20such", 404, "there is no model `no such`; there is `double`"),
        ("GET", "/v2/models/double/versions/2", 404, "model `double` has no version `2`; it has `1`"),
        ("GET", "/v2/models/double/config", 404, "there is nothing at `/v2/models/double/config`; `GET /` lists"),
        ("GET", "/v2/models", 404, "there is nothing at `/v2/models`"),
        ("GET", "/v1/score", 405, "`/v1/score` takes POST, not GET"),
        ("GET", INFER, 405, f"`{INFER}` takes POST, not GET"),
        ("PUT", "/v2", 405, "`/v2` takes GET, not PUT"),
        ("BREW", "/v2", 405, "`/v2` takes GET, not BREW"),
    ],
)
def test_what_is_not_there_is_said(endpoint, method, path, status, error):
    answer = endpoint.ask(method, path)
    assert answer.status == status
    assert answer.json()["error"].startswith(error)
    assert answer.headers.get("allow") == ({"GET": "POST"}.get(method, "GET") if status == 405 else None)


def test_the_request_s_id_comes_back(endpoint):
    answer = endpoint.get("/v2/health/live", {"X-Request-ID": "a-1"})
    check(answer, 200, {"live": True}, **{"x-request-id": "a-1"})
    answer = endpoint.get("/nothing", {"X-Request-ID": "a-2"})
    assert (answer.status, answer.headers["x-request-id"]) == (404, "a-2")
