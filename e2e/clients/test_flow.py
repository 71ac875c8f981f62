"""One working day of a data scientist, from training to finding the best run again."""

import filecmp
import os

import mlflow
import numpy
import pytest
from matplotlib import pyplot
from mlflow.entities import Metric
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

POINTS = 10_000
BIG_MB = int(os.environ.get("SLIPWAY_E2E_BIG_MB", "20"))


@pytest.fixture
def big_file(tmp_path):
    path = tmp_path / "big.bin"
    with path.open("wb") as file:
        for _ in range(BIG_MB):
            file.write(os.urandom(1024 * 1024))
    return path


def test_from_training_to_finding_the_best_run(client, experiment, big_file, tmp_path):
    features, target = load_iris(return_X_y=True)
    data = mlflow.data.from_numpy(features, targets=target, name="iris")

    # Train three candidates below one parent, everything logged by itself.
    mlflow.sklearn.autolog()
    try:
        with mlflow.start_run(run_name="sweep") as sweep:
            for strength in (0.01, 1.0, 100.0):
                with mlflow.start_run(run_name=f"C={strength}", nested=True):
                    LogisticRegression(C=strength, max_iter=500).fit(features, target)
    finally:
        mlflow.sklearn.autolog(disable=True)

    # Then one run by hand: a dataset, a long curve, a figure, a dict, a model and a large file.
    with mlflow.start_run(run_name="by hand", tags={"team": "vision"}) as by_hand:
        mlflow.log_input(data, context="training")
        mlflow.log_params({"C": 1.0, "solver": "lbfgs"})
        curve = [Metric("loss", 1 / (step + 1), 1_700_000_000_000 + step, step) for step in range(POINTS)]
        for start in range(0, POINTS, 1000):
            client.log_batch(by_hand.info.run_id, metrics=curve[start : start + 1000])
        figure, axes = pyplot.subplots()
        axes.plot([m.value for m in curve[:50]])
        mlflow.log_figure(figure, "plots/loss.png")
        pyplot.close(figure)
        mlflow.log_dict({"classes": 3}, "config/data.json")
        model = LogisticRegression(max_iter=500).fit(features, target)
        logged = mlflow.sklearn.log_model(model, name="classifier", input_example=features[:2])
        mlflow.log_metric("accuracy", model.score(features, target), model_id=logged.model_id, dataset=data)
        mlflow.log_artifact(str(big_file), "weights")

    # The sweep is there, children and models included.
    children = client.search_runs([experiment], f"tags.mlflow.parentRunId = '{sweep.info.run_id}'", order_by=["params.C ASC"])
    assert [child.data.params["C"] for child in children] == ["0.01", "1.0", "100.0"]
    assert all(child.info.status == "FINISHED" and child.outputs.model_outputs for child in children)
    [best, *_] = client.search_runs(
        [experiment], "metrics.training_accuracy_score > 0.5", order_by=["metrics.training_accuracy_score DESC"]
    )
    scores = [child.data.metrics["training_accuracy_score"] for child in children]
    assert best.data.metrics["training_accuracy_score"] == max(scores)

    # The run by hand is found by what it is made of.
    [found] = client.search_runs(
        [experiment],
        "params.solver = 'lbfgs' AND tags.team ILIKE 'VIS%' AND metrics.loss < 0.001 AND dataset.name = 'iris'"
        " AND dataset.context = 'training' AND attributes.status = 'FINISHED'",
    )
    run_id = by_hand.info.run_id
    assert found.info.run_id == run_id
    assert found.data.metrics["loss"] == 1 / POINTS
    history = client.get_metric_history(run_id, "loss")
    assert [(m.step, m.value) for m in history] == [(m.step, m.value) for m in curve]

    # Its files and its model come back as they went.
    assert [f.path for f in client.list_artifacts(run_id)] == ["config", "plots", "weights"]
    assert mlflow.artifacts.load_dict(f"runs:/{run_id}/config/data.json") == {"classes": 3}
    got = mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path="weights/big.bin", dst_path=str(tmp_path / "got"))
    assert filecmp.cmp(got, big_file, shallow=False)
    [hit] = client.search_logged_models([experiment], "metrics.accuracy > 0.5 AND name = 'classifier'")
    assert hit.model_id == logged.model_id
    [accuracy] = [m for m in hit.metrics if m.key == "accuracy"]
    assert (accuracy.run_id, accuracy.dataset_digest) == (run_id, data.digest)
    loaded = mlflow.sklearn.load_model(f"models:/{hit.model_id}")
    assert numpy.array_equal(loaded.predict(features), model.predict(features))
