"""Makes the models of the zoo, with ONNX Runtime's outputs as the truth.

    python make.py FOLDER

Each model gets FOLDER/NAME with `model.onnx`, `config.json` (a score step's configuration), `rows.arrow` (what it is
given) and `expected.arrow` (what ONNX Runtime gives), both Arrow IPC streams. Everything is seeded.
"""

import json
import sys
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pyarrow as pa
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, Int64TensorType, StringTensorType
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import (
    ElasticNet,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    RidgeClassifier,
    SGDClassifier,
)
from sklearn.naive_bayes import BernoulliNB, GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import SVC, SVR, LinearSVC, NuSVC, OneClassSVM
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

ROWS = 400
OPSET = {"": 17, "ai.onnx.ml": 3}
random = np.random.default_rng(7)

# Six numbers; targets of two classes, of three, as texts, and a number.
X = random.normal(size=(ROWS, 6)).astype(np.float32)
margin = X[:, 0] - 0.7 * X[:, 1] * X[:, 2] + 0.5 * np.sin(3 * X[:, 3]) + 0.2 * random.normal(size=ROWS)
TWO = (margin > 0).astype(np.int64)
THREE = np.digitize(margin, [-0.6, 0.6]).astype(np.int64)
TEXTS = np.array(["low", "middle", "high"])[THREE]
NUMBER = (2 * margin + X[:, 4]).astype(np.float32)
HOLES = np.where(random.random(X.shape) < 0.1, np.nan, X).astype(np.float32)
CITIES = random.choice(["Bern", "Zürich", "Genève", "Basel"], size=ROWS)
SIZES = random.choice(["S", "M", "L"], size=ROWS)
COUNTS = random.integers(0, 9, size=(ROWS, 6)).astype(np.float32)
POSITIVE = np.abs(X)

NAMES = [f"x{index}" for index in range(X.shape[1])]


def numbers(data):
    return {"x": (NAMES, data)}


def converted(model, data=X, **options):
    """A scikit-learn model as skl2onnx writes it by default, but for the opset."""
    kind = DoubleTensorType if data.dtype == np.float64 else FloatTensorType
    return to_onnx(model, initial_types=[("x", kind([None, data.shape[1]]))], target_opset=OPSET, options=options or None)


def sklearn_models():
    """Name, model, data it was fitted on and is given."""
    def fitted(model, target, data=X):
        return model.fit(data, target), data

    trees = {"random_state": 7}
    yield "logistic", *fitted(LogisticRegression(), TWO)
    yield "logistic-three", *fitted(LogisticRegression(), THREE)
    yield "logistic-texts", *fitted(LogisticRegression(), TEXTS)
    yield "linear", *fitted(LinearRegression(), NUMBER)
    yield "elastic-net", *fitted(ElasticNet(alpha=0.1), NUMBER)
    yield "poisson", *fitted(PoissonRegressor(), np.abs(NUMBER))
    yield "ridge-classifier", *fitted(RidgeClassifier(), THREE)
    yield "sgd", *fitted(SGDClassifier(loss="log_loss", **trees), TWO)
    yield "linear-svc", *fitted(LinearSVC(), TWO)
    yield "linear-svc-three", *fitted(LinearSVC(), THREE)
    yield "svc-rbf", *fitted(SVC(), TWO)
    yield "svc-rbf-three", *fitted(SVC(), THREE)
    yield "svc-probability", *fitted(SVC(probability=True, **trees), TWO)
    yield "svc-probability-three", *fitted(SVC(probability=True, kernel="poly", degree=2, **trees), THREE)
    yield "svc-sigmoid-texts", *fitted(SVC(kernel="sigmoid"), TEXTS)
    yield "svc-linear", *fitted(SVC(kernel="linear"), TWO)
    yield "nu-svc", *fitted(NuSVC(probability=True, **trees), TWO)
    yield "svr", *fitted(SVR(), NUMBER)
    yield "one-class-svm", *fitted(OneClassSVM(), None)
    yield "gaussian-nb", *fitted(GaussianNB(), THREE)
    yield "bernoulli-nb", *fitted(BernoulliNB(), TWO)
    yield "multinomial-nb", *fitted(MultinomialNB(), TWO, COUNTS)
    yield "tree", *fitted(DecisionTreeClassifier(max_depth=6, **trees), THREE)
    yield "tree-texts", *fitted(DecisionTreeClassifier(max_depth=6, **trees), TEXTS)
    yield "tree-regressor", *fitted(DecisionTreeRegressor(max_depth=6, **trees), NUMBER)
    yield "forest", *fitted(RandomForestClassifier(100, **trees), TWO)
    yield "forest-three", *fitted(RandomForestClassifier(50, **trees), THREE)
    yield "forest-regressor", *fitted(RandomForestRegressor(50, **trees), NUMBER)
    yield "forest-two-outputs", *fitted(RandomForestRegressor(20, **trees), np.c_[NUMBER, -NUMBER])
    yield "extra-trees", *fitted(ExtraTreesClassifier(50, **trees), THREE)
    yield "extra-trees-regressor", *fitted(ExtraTreesRegressor(50, **trees), NUMBER)
    yield "boosting", *fitted(GradientBoostingClassifier(n_estimators=60, **trees), TWO)
    yield "boosting-three", *fitted(GradientBoostingClassifier(n_estimators=30, **trees), THREE)
    yield "boosting-regressor", *fitted(GradientBoostingRegressor(n_estimators=60, **trees), NUMBER)
    yield "hist-boosting-holes", *fitted(HistGradientBoostingClassifier(max_iter=30, **trees), TWO, HOLES)
    yield "hist-boosting-regressor", *fitted(HistGradientBoostingRegressor(max_iter=30, **trees), NUMBER)
    yield "ada-boost", *fitted(AdaBoostClassifier(n_estimators=20, **trees), TWO)
    yield "bagging", *fitted(BaggingClassifier(n_estimators=8, **trees), TWO)
    yield "isolation-forest", *fitted(IsolationForest(n_estimators=30, **trees), None)
    yield "mlp", *fitted(MLPClassifier(hidden_layer_sizes=(16, 8), max_iter=300, **trees), TWO)
    yield "mlp-three", *fitted(MLPClassifier(hidden_layer_sizes=(16,), max_iter=300, activation="tanh", **trees), THREE)
    yield "mlp-regressor", *fitted(MLPRegressor(hidden_layer_sizes=(16,), max_iter=300, **trees), NUMBER)
    yield "neighbours", *fitted(KNeighborsClassifier(5), THREE)
    yield "neighbours-regressor", *fitted(KNeighborsRegressor(5), NUMBER)
    yield "k-means", *fitted(KMeans(4, n_init=3, **trees), None)
    yield "calibrated", *fitted(CalibratedClassifierCV(LinearSVC(), cv=3), TWO)
    yield "voting", *fitted(VotingClassifier([("l", LogisticRegression()), ("t", DecisionTreeClassifier(max_depth=4))], voting="soft"), TWO)
    yield "stacking", *fitted(StackingClassifier([("l", LogisticRegression()), ("t", DecisionTreeClassifier(max_depth=4))]), TWO)
    yield "scaled", *fitted(make_pipeline(StandardScaler(), LogisticRegression()), TWO)
    yield "imputed", *fitted(make_pipeline(SimpleImputer(strategy="median"), StandardScaler(), LogisticRegression()), TWO, HOLES)
    yield "min-max", *fitted(make_pipeline(MinMaxScaler(), LogisticRegression()), TWO)
    yield "robust", *fitted(make_pipeline(RobustScaler(), MaxAbsScaler(), LogisticRegression()), TWO)
    yield "pca", *fitted(make_pipeline(StandardScaler(), PCA(3), LogisticRegression()), THREE)
    yield "svd", *fitted(make_pipeline(TruncatedSVD(3), LogisticRegression()), TWO)
    yield "normalized", *fitted(make_pipeline(Normalizer("l1"), LogisticRegression()), TWO)
    yield "normalized-max", *fitted(make_pipeline(Normalizer("max"), LinearRegression()), NUMBER, POSITIVE)
    yield "binarized", *fitted(make_pipeline(Binarizer(threshold=0.3), BernoulliNB()), TWO)
    yield "polynomial", *fitted(make_pipeline(PolynomialFeatures(2), LinearRegression()), NUMBER)
    yield "bins", *fitted(make_pipeline(KBinsDiscretizer(5, encode="ordinal", quantile_method="averaged_inverted_cdf"), LinearRegression()), NUMBER)
    yield "selected", *fitted(make_pipeline(SelectKBest(k=3), LogisticRegression()), TWO)
    yield "doubles", *fitted(RandomForestClassifier(20, **trees), TWO, X.astype(np.float64))


def mixed():
    """A ColumnTransformer over numbers with holes and texts, as most people's first pipeline is."""
    table = {"x0": HOLES[:, 0], "x1": HOLES[:, 1], "city": CITIES, "size": SIZES}
    import pandas

    frame = pandas.DataFrame(table)
    for name, final, target in [
        ("mixed-logistic", LogisticRegression(), TWO),
        ("mixed-forest", RandomForestClassifier(30, random_state=7), THREE),
        ("mixed-boosting", GradientBoostingRegressor(n_estimators=30, random_state=7), NUMBER),
    ]:
        columns = ColumnTransformer([
            ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), ["x0", "x1"]),
            ("city", OneHotEncoder(handle_unknown="ignore"), ["city"]),
            ("size", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), ["size"]),
        ])
        model = make_pipeline(columns, final).fit(frame, target)
        kinds = {"x0": FloatTensorType, "x1": FloatTensorType, "city": StringTensorType, "size": StringTensorType}
        initial = [(name, kind([None, 1])) for name, kind in kinds.items()]
        inputs = {column: ([column], np.asarray(values).reshape(-1, 1)) for column, values in table.items()}
        yield name, to_onnx(model, initial_types=initial, target_opset=OPSET), inputs


def boosted():
    import lightgbm
    import xgboost
    from onnxmltools import convert_lightgbm, convert_xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType as Floats

    initial = [("x", Floats([None, X.shape[1]]))]
    for name, model, target, data in [
        ("xgboost", xgboost.XGBClassifier(n_estimators=40, max_depth=4), TWO, X),
        ("xgboost-three", xgboost.XGBClassifier(n_estimators=20, max_depth=4), THREE, X),
        ("xgboost-holes", xgboost.XGBClassifier(n_estimators=40, max_depth=4), TWO, HOLES),
        ("xgboost-regressor", xgboost.XGBRegressor(n_estimators=40, max_depth=4), NUMBER, X),
    ]:
        yield name, convert_xgboost(model.fit(data, target), initial_types=initial, target_opset=15), numbers(data)
    for name, model, target, data in [
        ("lightgbm", lightgbm.LGBMClassifier(n_estimators=40, verbose=-1), TWO, X),
        ("lightgbm-three", lightgbm.LGBMClassifier(n_estimators=20, verbose=-1), THREE, X),
        ("lightgbm-holes", lightgbm.LGBMClassifier(n_estimators=40, verbose=-1), TWO, HOLES),
        ("lightgbm-regressor", lightgbm.LGBMRegressor(n_estimators=40, verbose=-1), NUMBER, X),
    ]:
        yield name, convert_lightgbm(model.fit(data, target), initial_types=initial, target_opset=15), numbers(data)


def graph(nodes, inputs, outputs, weights):
    tensors = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    made = helper.make_graph(nodes, "net", inputs, outputs, tensors)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def networks():
    """Graphs with the operators that PyTorch's exporter writes."""
    def weight(*shape):
        return (random.normal(size=shape) / np.sqrt(shape[-1])).astype(np.float32)

    def tensor(name, shape):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    node = helper.make_node
    yield "torch-mlp", graph(
        [
            node("Gemm", ["x", "w1", "b1"], ["a"], transB=1),
            node("Relu", ["a"], ["b"]),
            node("LayerNormalization", ["b", "g", "c"], ["d"]),
            node("Gemm", ["d", "w2", "b2"], ["e"], transB=1),
            node("Softmax", ["e"], ["y"], axis=1),
        ],
        [tensor("x", ["batch", 6])],
        [tensor("y", ["batch", 3])],
        {"w1": weight(32, 6), "b1": weight(32), "g": np.ones(32, np.float32), "c": weight(32), "w2": weight(3, 32), "b2": weight(3)},
    ), numbers(X)

    pixels = random.normal(size=(ROWS, 64)).astype(np.float32)
    yield "torch-cnn", graph(
        [
            node("Conv", ["x", "k1", "b1"], ["a"], pads=[1, 1, 1, 1]),
            node("BatchNormalization", ["a", "s", "o", "m", "v"], ["b"]),
            node("Relu", ["b"], ["c"]),
            node("MaxPool", ["c"], ["d"], kernel_shape=[2, 2], strides=[2, 2]),
            node("Conv", ["d", "k2"], ["e"]),
            node("GlobalAveragePool", ["e"], ["f"]),
            node("Flatten", ["f"], ["g"]),
            node("Gemm", ["g", "w", "c1"], ["y"], transB=1),
        ],
        [tensor("x", ["batch", 1, 8, 8])],
        [tensor("y", ["batch", 4])],
        {
            "k1": weight(6, 1, 3, 3), "b1": weight(6), "s": np.ones(6, np.float32), "o": weight(6), "m": weight(6),
            "v": np.abs(weight(6)) + 1, "k2": weight(8, 6, 2, 2), "w": weight(4, 8), "c1": weight(4),
        },
    ), {"x": ([f"p{index}" for index in range(64)], pixels.reshape(ROWS, 1, 8, 8))}

    series = random.normal(size=(ROWS, 10)).astype(np.float32)
    yield "torch-lstm", graph(
        [
            # batch_first: [N, 10, 1] to [10, N, 1].
            node("Transpose", ["x"], ["t"], perm=[1, 0, 2]),
            node("LSTM", ["t", "w", "r", "b"], ["h", "last", "cell"], hidden_size=8),
            node("Squeeze", ["last", "axis"], ["s"]),
            node("Gemm", ["s", "wo", "bo"], ["y"], transB=1),
        ],
        [tensor("x", ["batch", 10, 1])],
        [tensor("y", ["batch", 1])],
        {"w": weight(1, 32, 1), "r": weight(1, 32, 8), "b": weight(1, 64), "axis": np.array([0]), "wo": weight(1, 8), "bo": weight(1)},
    ), {"x": ([f"t{index}" for index in range(10)], series.reshape(ROWS, 10, 1))}


def column(values):
    """An output as the column that a score step makes of it."""
    if values.ndim == 2 and values.shape[1] == 1:
        values = values.reshape(-1)
    if values.ndim == 1:
        return pa.array(values)
    flat = pa.array(values.reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, values.shape[1])


def write(folder, table):
    with pa.OSFile(str(folder), "wb") as file, pa.ipc.new_stream(file, table.schema) as stream:
        stream.write_batch(table.combine_chunks().to_batches()[0])


def save(folder, model, inputs):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    given = {name: values.astype(object) if values.dtype.kind == "U" else values for name, (_, values) in inputs.items()}
    outputs = {}
    for port, values in zip(session.get_outputs(), session.run(None, given), strict=True):
        # A ZipMap gives a list of maps from labels to scores.
        if isinstance(values, list):
            values = np.array([list(row.values()) for row in values], dtype=np.float32)
        outputs[port.name] = column(np.asarray(values))
    rows = {}
    for columns, values in inputs.values():
        for index, name in enumerate(columns):
            rows[name] = pa.array(values.reshape(len(values), -1)[:, index])
    config = {
        "inputs": [{"name": name, "columns": columns} for name, (columns, _) in inputs.items()],
        "keep": [],
    }
    for given in config["inputs"]:
        if any(pa.types.is_floating(rows[name].type) for name in given["columns"]):
            given["nan"] = "pass"
    (folder / "config.json").write_text(json.dumps(config))
    write(folder / "rows.arrow", pa.table(rows))
    write(folder / "expected.arrow", pa.table(outputs))


def main():
    folder = Path(sys.argv[1])
    warnings.simplefilter("ignore")
    failed = []

    def made():
        for name, model, data in sklearn_models():
            yield name, lambda model=model, data=data: converted(model, data), numbers(data)
        for name, model, inputs in [*mixed(), *boosted(), *networks()]:
            yield name, lambda model=model: model, inputs

    count = 0
    for name, model, inputs in made():
        try:
            save(folder / name, model(), inputs)
            count += 1
        except Exception as error:  # What a converter cannot do is no model of the zoo.
            failed.append(f"{name}: {type(error).__name__}: {str(error).splitlines()[0]}")
    print(f"{count} models in {folder}", file=sys.stderr)
    for line in failed:
        print(f"not converted: {line}", file=sys.stderr)


main()
