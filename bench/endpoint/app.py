"""What a user would write instead: FastAPI with ONNX Runtime and orjson, one process.

MODEL=model.onnx uvicorn app:app
"""

import os

import numpy as np
import onnxruntime
import orjson
from fastapi import FastAPI, Request, Response

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(os.environ["MODEL"], options, providers=["CPUExecutionProvider"])
input = session.get_inputs()[0]
columns = [f"x{i}" for i in range(input.shape[1])]
app = FastAPI()


@app.post("/v1/score")
async def score(request: Request) -> Response:
    rows = orjson.loads(await request.body())
    if isinstance(rows, dict):
        rows = [rows]
    x = np.array([[row[column] for column in columns] for row in rows], np.float32)
    (y,) = session.run(["y"], {input.name: x})
    answer = {"rows": [{"score": value} for value in y[:, 0].tolist()]}
    return Response(orjson.dumps(answer), media_type="application/json")
