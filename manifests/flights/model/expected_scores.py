"""Writes ../expected/scores.csv.gz: each flight's document id and its score by ONNX Runtime.

    python expected_scores.py features.parquet

The pipeline's own scores are tested against it within 1e-5.
"""

import argparse
import gzip
import pathlib
import sys

import numpy as np
import onnxruntime

import features

HERE = pathlib.Path(__file__).parent


def main() -> int:
    parser = argparse.ArgumentParser(description="Scores flights with ONNX Runtime, for the pipeline's tests.")
    parser.add_argument("features", type=pathlib.Path, help="Parquet file of January that `transform` wrote")
    args = parser.parse_args()

    table = features.read(args.features)
    session = onnxruntime.InferenceSession(HERE / "delay.onnx", providers=["CPUExecutionProvider"])
    scores = session.run(None, {"features": features.matrix(table)})[0][:, 0]
    if not np.isfinite(scores).all():
        raise SystemExit("a score is not a number")
    lines = [f"{id},{score:.7f}\n" for id, score in zip(features.ids(table), scores)]

    path = HERE.parent / "expected" / "scores.csv.gz"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(gzip.compress(("id,risk\n" + "".join(lines)).encode(), compresslevel=9, mtime=0))
    print(f"{path.name}: {len(lines):,} scores, {path.stat().st_size:,} bytes", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
