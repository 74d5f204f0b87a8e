"""Makes the models that `make bench-serve` times: python make.py FOLDER

A small network, an ensemble of 100 trees and a network of 6 MB. Each gets FOLDER/NAME with `model.onnx`, `config.json`
(a score step's configuration), `rows.arrow` (1,024 rows) and `pipeline.toml` (for `wasmill compose`). Everything is
seeded.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import pyarrow as pa
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import to_onnx
from sklearn.ensemble import RandomForestClassifier

ROWS = 1024
random = np.random.default_rng(7)


def network(sizes: list[int]) -> onnx.ModelProto:
    """Dense layers with relu between them, and a sigmoid at the end."""
    nodes, weights, value = [], [], "x"
    for layer, (width, out) in enumerate(zip(sizes, sizes[1:])):
        last = layer == len(sizes) - 2
        weight = random.normal(scale=width**-0.5, size=(width, out)).astype(np.float32)
        weights += [
            numpy_helper.from_array(weight, f"w{layer}"),
            numpy_helper.from_array(np.zeros(out, np.float32), f"b{layer}"),
        ]
        nodes.append(helper.make_node("Gemm", [value, f"w{layer}", f"b{layer}"], [f"sum{layer}"]))
        value = "y" if last else f"out{layer}"
        nodes.append(helper.make_node("Sigmoid" if last else "Relu", [f"sum{layer}"], [value]))
    tensor = lambda name, width: helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", width])  # noqa: E731
    graph = helper.make_graph(nodes, "network", [tensor("x", sizes[0])], [tensor("y", sizes[-1])], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def trees() -> onnx.ModelProto:
    x = random.normal(size=(4000, 16)).astype(np.float32)
    y = (x[:, 0] - x[:, 1] * x[:, 2] + np.sin(3 * x[:, 3]) > 0).astype(np.int64)
    forest = RandomForestClassifier(n_estimators=100, max_depth=8, random_state=7).fit(x, y)
    return to_onnx(forest, x[:1], target_opset={"": 17, "ai.onnx.ml": 3}, options={"zipmap": False})


def write(folder: Path, model: onnx.ModelProto, width: int, output: dict) -> None:
    folder.mkdir(parents=True)
    onnx.save(model, folder / "model.onnx")
    columns = [f"x{i}" for i in range(width)]
    config = {"inputs": [{"name": model.graph.input[0].name, "columns": columns}], "outputs": [output], "keep": []}
    (folder / "config.json").write_text(json.dumps(config))
    data = random.normal(size=(ROWS, width)).astype(np.float32)
    table = pa.table({"__row": pa.array(range(ROWS), pa.uint64())} | dict(zip(columns, data.T)))
    # Columns between steps have no nulls unless they say so.
    table = table.cast(pa.schema([field.with_nullable(False) for field in table.schema]))
    with pa.ipc.new_stream(folder / "rows.arrow", table.schema) as stream:
        stream.write_batch(table.combine_chunks().to_batches()[0])
    declared = "\n".join(f'    {{ name = "{name}", type = "float32", nullable = false }},' for name in columns)
    (folder / "pipeline.toml").write_text(
        f"""version = 1
name = "{folder.name}"

[[step]]
id = "read"
component = "ingest"

[step.config]
format = "csv"
columns = [
{declared}
]

[[step]]
id = "score"
component = "score"
model = "model.onnx"

[step.config]
inputs = [{{ name = "{config['inputs'][0]['name']}", columns = {json.dumps(columns)} }}]
outputs = [{{ {", ".join(f"{key} = {json.dumps(value)}" for key, value in output.items())} }}]
keep = []
"""
    )


def main() -> None:
    folder = Path(sys.argv[1])
    write(folder / "small", network([16, 32, 16, 1]), 16, {"name": "y", "column": "score"})
    write(folder / "trees", trees(), 16, {"name": "probabilities", "column": "score", "index": 1})
    write(folder / "large", network([64, 1024, 1024, 512, 1]), 64, {"name": "y", "column": "score"})


main()
