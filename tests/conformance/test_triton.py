"""Triton's own client."""

import numpy as np
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException


@pytest.fixture
def client(endpoint_server):
    with triton.InferenceServerClient(f"127.0.0.1:{endpoint_server.port}", concurrency=4) as client:
        yield client


def given(name, datatype, values, binary):
    tensor = triton.InferInput(name, [len(values)], datatype)
    tensor.set_data_from_numpy(values, binary_data=binary)
    return tensor


def test_the_server_and_the_model_are_there(client):
    assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("double", "1")
    assert not client.is_model_ready("triple")
    assert client.get_server_metadata()["extensions"] == ["binary_tensor_data", "model_repository"]
    assert [tensor["name"] for tensor in client.get_model_metadata("double")["outputs"]] == ["score"]
    assert [model["name"] for model in client.get_model_repository_index()] == ["double"]


@pytest.mark.parametrize("binary_out", [True, False])
@pytest.mark.parametrize("binary_in", [True, False])
def test_it_infers(client, binary_in, binary_out):
    count = 1000
    fahrenheit = np.linspace(-40, 100, count)
    inputs = [
        given("fahrenheit", "FP64", fahrenheit, binary_in),
        given("city", "BYTES", np.array([f"Zürich {row}" for row in range(count)], dtype=object), binary_in),
        given("station", "INT64", np.arange(count), binary_in),
        given("indoors", "BOOL", np.arange(count) % 2 == 0, binary_in),
    ]
    outputs = [triton.InferRequestedOutput("score", binary_data=binary_out)]
    result = client.infer("double", inputs, outputs=outputs, model_version="1", request_id="r-1")
    score = result.as_numpy("score")
    assert (score.dtype, score.shape) == (np.float32, (count,))
    np.testing.assert_allclose(score, (fahrenheit - 32) / 0.9, rtol=1e-6, atol=1e-5)
    assert result.get_response()["id"] == "r-1"


def test_it_infers_many_at_once(client):
    requests = []
    for celsius in range(40):
        inputs = [given("fahrenheit", "FP64", np.array([celsius * 1.8 + 32]), True)]
        requests.append(client.async_infer("double", inputs))
    scores = [request.get_result(timeout=30).as_numpy("score")[0] for request in requests]
    np.testing.assert_allclose(scores, np.arange(40) * 2, atol=1e-4)


def test_it_raises_our_errors(client):
    right = [given("fahrenheit", "FP64", np.array([50.0]), True)]
    wrong = [given("fahrenheit", "INT64", np.array([50]), True)]
    hot = [given("fahrenheit", "FP64", np.array([500.0]), True)]
    for call, status, message in [
        (lambda: client.infer("triple", right), "404", "there is no model `triple`; there is `double`"),
        (lambda: client.infer("double", wrong), "400", "it is INT64 [1], the model takes FP64 [-1]"),
        (lambda: client.infer("double", hot), "422", "row 0 of 1: rule `plausible`: t < 60"),
        (lambda: client.infer("double", right, request_compression_algorithm="gzip"), "415", "`gzip` is not taken"),
        (lambda: client.get_model_config("double"), "404", "there is nothing at `/v2/models/double/config`"),
        (lambda: client.load_model("double"), "404", "there is nothing at `/v2/repository/models/double/load`"),
    ]:
        with pytest.raises(InferenceServerException) as caught:
            call()
        assert caught.value.status() == status
        assert message in caught.value.message()
