"""Writes the ONNX project's own cases of its operators: a model of one operator each, what it is given, and what must
come of it.

    python make.py FOLDER

Each case gets FOLDER/NAME with `model.onnx`, `input-0.pb` and so on, `output-0.pb` and so on (ONNX's TensorProto, or
the protocol buffer of a sequence or an optional value), and `tolerance.txt`: relative, absolute.
"""

import sys
import warnings
from pathlib import Path

from onnx import TensorProto, numpy_helper
from onnx.backend.test.case.node import collect_testcases

CASES = 1884


def encoded(value, port):
    kind = port.type.WhichOneof("value")
    if kind == "sequence_type":
        return numpy_helper.from_list(value, port.name)
    if kind == "optional_type":
        return numpy_helper.from_optional(value, port.name)
    assert kind == "tensor_type", kind
    # In one form whatever its maker chose: bytes, not fields that depend on the type.
    array = numpy_helper.to_array(value) if isinstance(value, TensorProto) else value
    tensor = numpy_helper.from_array(array, port.name)
    assert tensor.data_type == port.type.tensor_type.elem_type, port.name
    return tensor


def save(folder, case):
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(case.model.SerializeToString())
    (folder / "tolerance.txt").write_text(f"{case.rtol} {case.atol}\n")
    [(inputs, outputs)] = case.data_sets
    graph = case.model.graph
    for kind, values, ports in [("input", inputs, graph.input), ("output", outputs, graph.output)]:
        for index, (value, port) in enumerate(zip(values, ports, strict=True)):
            (folder / f"{kind}-{index}.pb").write_bytes(encoded(value, port).SerializeToString())


def main(folder):
    # Some overflow or divide by zero on purpose.
    warnings.simplefilter("ignore", RuntimeWarning)
    cases = collect_testcases(None)
    assert len(cases) == CASES, len(cases)
    for case in cases:
        save(Path(folder) / case.name, case)
    print(f"{len(cases)} cases in {folder}")


if __name__ == "__main__":
    main(sys.argv[1])
