"""Models that are logged outside runs, as the MLflow client and its scikit-learn flavour use them."""

import mlflow
import numpy
import pytest
from mlflow.entities import LoggedModelStatus
from mlflow.exceptions import MlflowException
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from api import refusal

INVALID = "INVALID_PARAMETER_VALUE"
ABSENT = "RESOURCE_DOES_NOT_EXIST"


def refused(code):
    return pytest.raises(MlflowException, check=lambda error: error.error_code == code)


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True)


@pytest.fixture(scope="module")
def classifier(iris):
    return LogisticRegression(max_iter=200).fit(*iris)


class TestScikitLearn:
    def test_log_and_load(self, client, experiment, iris, classifier, tmp_path):
        features, _ = iris
        with mlflow.start_run() as run:
            info = mlflow.sklearn.log_model(classifier, name="clf", input_example=features[:2], params={"p": "1"})
        model = mlflow.get_logged_model(info.model_id)
        assert model.name == "clf"
        assert model.status == LoggedModelStatus.READY
        assert model.source_run_id == run.info.run_id
        assert model.experiment_id == experiment
        assert model.params == {"p": "1"}
        assert model.artifact_location == f"mlflow-artifacts:/{experiment}/models/{info.model_id}/artifacts"
        loaded = mlflow.sklearn.load_model(f"models:/{info.model_id}")
        assert numpy.array_equal(loaded.predict(features), classifier.predict(features))
        by_run = mlflow.pyfunc.load_model(f"runs:/{run.info.run_id}/clf", dst_path=str(tmp_path))
        assert numpy.array_equal(by_run.predict(features), classifier.predict(features))
        [output] = client.get_run(run.info.run_id).outputs.model_outputs
        assert output.model_id == info.model_id

    def test_files_of_a_run_include_its_model(self, experiment, classifier, tmp_path):
        with mlflow.start_run() as run:
            mlflow.sklearn.log_model(classifier, name="clf")
        got = mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="clf", dst_path=str(tmp_path))
        assert (tmp_path / "clf" / "MLmodel").exists() and got

    def test_outside_a_run(self, experiment, classifier):
        info = mlflow.sklearn.log_model(classifier, name="alone")
        assert mlflow.get_logged_model(info.model_id).status == LoggedModelStatus.READY

    def test_autolog_with_nested_runs(self, client, experiment, iris):
        mlflow.sklearn.autolog()
        try:
            with mlflow.start_run() as parent:
                search = GridSearchCV(LogisticRegression(max_iter=200), {"C": [0.1, 1.0, 10.0]}, cv=2)
                search.fit(*iris)
        finally:
            mlflow.sklearn.autolog(disable=True)
        run = client.get_run(parent.info.run_id)
        assert run.info.status == "FINISHED"
        assert run.data.params["best_C"] == str(search.best_params_["C"])
        assert run.data.metrics["best_cv_score"] == pytest.approx(search.best_score_)
        assert run.inputs.dataset_inputs[0].tags[0].value == "train"
        assert len(run.outputs.model_outputs) == 2
        children = client.search_runs([experiment], f"tags.mlflow.parentRunId = '{parent.info.run_id}'")
        assert {child.data.params["C"] for child in children} == {"0.1", "1.0", "10.0"}
        metrics = [m for model in mlflow.search_logged_models([experiment], output_format="list") for m in model.metrics or []]
        assert "training_accuracy_score" in {m.key for m in metrics}
        assert parent.info.run_id in {m.run_id for m in metrics}


class TestLifeCycle:
    def test_pending_ready_failed(self, experiment):
        model = mlflow.create_external_model(name="ext", experiment_id=experiment)
        assert mlflow.get_logged_model(model.model_id).status == LoggedModelStatus.READY
        pending = mlflow.initialize_logged_model(name="init")
        assert mlflow.get_logged_model(pending.model_id).status == LoggedModelStatus.PENDING
        failed = mlflow.finalize_logged_model(pending.model_id, LoggedModelStatus.FAILED)
        assert failed.status == LoggedModelStatus.FAILED
        assert failed.last_updated_timestamp >= pending.creation_timestamp

    def test_random_name_when_none_is_given(self, api, experiment):
        model = api.ok("POST", "logged-models", {"experiment_id": experiment})["model"]
        assert model["info"]["name"]
        assert model["info"]["status"] == "LOGGED_MODEL_PENDING"
        assert model["data"] == {}

    @pytest.mark.parametrize("name", ["a/b", "a:b", "a.b", "a%b", 'a"b', "a'b"])
    def test_bad_names(self, api, experiment, name):
        api.refused(INVALID, "POST", "logged-models", {"experiment_id": experiment, "name": name})

    def test_tags(self, client, experiment):
        model = mlflow.initialize_logged_model(name="m", tags={"a": "1"})
        client.set_logged_model_tags(model.model_id, {"a": "2", "b": "3"})
        tags = client.get_logged_model(model.model_id).tags
        assert (tags["a"], tags["b"]) == ("2", "3")
        client.delete_logged_model_tag(model.model_id, "a")
        assert "a" not in client.get_logged_model(model.model_id).tags
        with refused(ABSENT):
            client.delete_logged_model_tag(model.model_id, "a")

    def test_escaped_tag_key(self, api, experiment):
        model = api.new_model(experiment, tags=[{"key": "a b", "value": "1"}])
        api.ok("DELETE", f"logged-models/{model}/tags/a%20b")
        assert "tags" not in api.ok("GET", f"logged-models/{model}")["model"]["info"]

    def test_params(self, client, experiment):
        model = mlflow.initialize_logged_model(name="m", params={"a": "1"})
        client.log_model_params(model.model_id, {"b": "2"})
        assert client.get_logged_model(model.model_id).params == {"a": "1", "b": "2"}

    def test_many_params(self, client, experiment):
        params = {f"p{i:03}": str(i) for i in range(150)}
        model = mlflow.initialize_logged_model(name="m", params=params)
        assert client.get_logged_model(model.model_id).params == params

    def test_deletion(self, client, experiment):
        model = mlflow.initialize_logged_model(name="m").model_id
        client.delete_logged_model(model)
        with refused(ABSENT):
            client.get_logged_model(model)
        assert client.search_logged_models([experiment]) == []

    @pytest.mark.slipway_only
    def test_deleted_model_takes_no_writes(self, api, client, experiment):
        model = mlflow.initialize_logged_model(name="m", tags={"a": "1"}).model_id
        client.delete_logged_model(model)
        for method, path, body in [
            ("PATCH", "/tags", {"tags": [{"key": "a", "value": "2"}]}),
            ("DELETE", "/tags/a", {}),
            ("POST", "/params", {"params": [{"key": "a", "value": "1"}]}),
            ("PATCH", "", {"status": "LOGGED_MODEL_READY"}),
        ]:
            api.refused(ABSENT, method, f"logged-models/{model}{path}", {"model_id": model, **body})

    def test_unknown_model(self, api):
        for method, path, body in [
            ("GET", "", None),
            ("DELETE", "", None),
            ("PATCH", "", {"model_id": "m-0", "status": "LOGGED_MODEL_READY"}),
            ("PATCH", "/tags", {"model_id": "m-0", "tags": []}),
            ("POST", "/params", {"model_id": "m-0", "params": [{"key": "a", "value": "1"}]}),
            ("GET", "/artifacts/directories", None),
        ]:
            api.refused(ABSENT, method, f"logged-models/m-0{path}", body)

    def test_unknown_or_deleted_experiment(self, api, experiment):
        api.refused(ABSENT, "POST", "logged-models", {"experiment_id": "987654321"})
        api.ok("POST", "experiments/delete", {"experiment_id": experiment})
        api.refused(INVALID, "POST", "logged-models", {"experiment_id": experiment})

    @pytest.mark.slipway_only
    def test_unknown_status(self, api, experiment):
        model = api.new_model(experiment)
        for status in ("NOPE", "LOGGED_MODEL_STATUS_UNSPECIFIED", 99):
            body = {"model_id": model, "status": status}
            api.refused(INVALID, "PATCH", f"logged-models/{model}", body)
        assert api.ok("GET", f"logged-models/{model}")["model"]["info"]["status"] == "LOGGED_MODEL_PENDING"

    @pytest.mark.slipway_only
    def test_the_body_cannot_name_another_model(self, api, experiment):
        one, other = api.new_model(experiment), api.new_model(experiment)
        body = {"model_id": other, "status": "LOGGED_MODEL_READY"}
        assert api.send("PATCH", f"logged-models/{one}", body).status_code in (200, 400)
        assert api.ok("GET", f"logged-models/{other}")["model"]["info"]["status"] == "LOGGED_MODEL_PENDING"


class TestMetricsOfModels:
    def test_every_point_is_listed(self, api, experiment, run):
        model = api.new_model(experiment)
        for step in range(3):
            body = {"run_id": run, "key": "acc", "value": step / 2, "timestamp": step, "step": step, "model_id": model}
            api.ok("POST", "runs/log-metric", body)
        listed = api.ok("GET", f"logged-models/{model}")["model"]["data"]["metrics"]
        assert listed == [
            {"key": "acc", "value": step / 2, "timestamp": step, "step": step, "model_id": model, "run_id": run} for step in range(3)
        ]
        assert api.run(run)["data"]["metrics"] == [{"key": "acc", "value": 1.0, "timestamp": 2, "step": 2}]

    def test_a_point_that_the_run_has_already_is_added_to_the_model(self, api, experiment, run):
        # The client does so in log_model: it logs the run's points again, now with the model's id.
        model = api.new_model(experiment)
        point = {"key": "acc", "value": 0.5, "timestamp": 1, "step": 0}
        api.ok("POST", "runs/log-batch", {"run_id": run, "metrics": [point]})
        api.ok("POST", "runs/log-batch", {"run_id": run, "metrics": [{**point, "model_id": model}]})
        assert api.ok("GET", f"logged-models/{model}")["model"]["data"]["metrics"][0]["value"] == 0.5
        assert len(api.ok("GET", "metrics/get-history", query={"run_id": run, "metric_key": "acc"})["metrics"]) == 1

    def test_dataset_of_a_metric(self, client, experiment):
        data = mlflow.data.from_numpy(numpy.arange(4), name="grid")
        model = mlflow.create_external_model(name="ext", experiment_id=experiment)
        with mlflow.start_run():
            mlflow.log_metric("acc", 0.9, model_id=model.model_id, dataset=data)
        [metric] = client.get_logged_model(model.model_id).metrics
        assert (metric.key, metric.value, metric.dataset_name, metric.dataset_digest) == ("acc", 0.9, "grid", data.digest)


class TestSearch:
    """Three models, in this order: one (acc 0.1), two (acc 0.5 on dataset ds), three (no metric)."""

    @pytest.fixture(scope="class")
    def shelf(self, api):
        experiment = api.new_experiment()
        run = api.new_run(experiment)
        for name, acc, kind in [("one", 0.1, "tree"), ("two", 0.5, "net"), ("three", None, "net")]:
            model = api.new_model(
                experiment, name=name, model_type=kind, source_run_id=run if name == "one" else "",
                params=[{"key": "C", "value": name}], tags=[{"key": "my.tag", "value": name.upper()}],
            )
            if acc is not None:
                dataset = {"dataset_name": "ds", "dataset_digest": "d1"} if name == "two" else {}
                body = {"run_id": run, "key": "acc", "value": acc, "timestamp": 1, "model_id": model, **dataset}
                api.ok("POST", "runs/log-metric", body)
        return experiment, run

    @pytest.fixture(scope="class")
    def found(self, api, shelf):
        experiment, _ = shelf
        client = mlflow.MlflowClient(tracking_uri=api.url)
        return lambda *args, **more: [m.name for m in client.search_logged_models([experiment], *args, **more)]

    @pytest.mark.parametrize("clause, expected", [
        ("name = 'one'", ["one"]),
        ("attributes.name != 'one'", ["three", "two"]),
        ("name LIKE 't%'", ["three", "two"]),
        ("name LIKE 'T%'", []),
        ("name ILIKE 'T%'", ["three", "two"]),
        ("name IN ('one', 'two')", ["two", "one"]),
        ("name NOT IN ('one')", ["three", "two"]),
        ("model_type = 'net'", ["three", "two"]),
        ("model_id LIKE 'm-%'", ["three", "two", "one"]),
        ("creation_timestamp > 0 AND last_updated_timestamp >= 0", ["three", "two", "one"]),
        ("creation_time < 5", []),
        ("metrics.acc > 0.1", ["two"]),
        ("metrics.acc >= 0.1 AND metrics.acc < 0.5", ["one"]),
        ("metrics.`acc` = 0.5", ["two"]),
        ("params.C = 'two'", ["two"]),
        ("params.C != 'two'", ["three", "one"]),
        ("params.C IN ('one', 'three')", ["three", "one"]),
        ("tags.`my.tag` = 'ONE'", ["one"]),
        ("tags.my.tag LIKE 'T%'", ["three", "two"]),
        ("name = 'two' AND metrics.acc > 0.3 AND params.C ILIKE 'TW%'", ["two"]),
        (None, ["three", "two", "one"]),
    ])
    def test_filters(self, found, clause, expected):
        assert found(clause) == expected

    def test_of_a_run(self, found, shelf):
        assert found(f"source_run_id = '{shelf[1]}'") == ["one"]

    @pytest.mark.slipway_only
    @pytest.mark.parametrize("clause, expected", [
        ("status = 'READY'", []),
        ("status = 'PENDING'", ["three", "two", "one"]),
        ("status = 'LOGGED_MODEL_PENDING'", ["three", "two", "one"]),
        ("status != 'READY'", ["three", "two", "one"]),
    ])
    def test_status(self, found, clause, expected):
        assert found(clause) == expected

    @pytest.mark.parametrize("order, expected", [
        ([{"field_name": "name"}], ["one", "three", "two"]),
        ([{"field_name": "name", "ascending": False}], ["two", "three", "one"]),
        ([{"field_name": "creation_time", "ascending": True}], ["one", "two", "three"]),
        ([{"field_name": "metrics.acc", "ascending": True}], ["one", "two", "three"]),
        ([{"field_name": "metrics.acc", "ascending": False}], ["two", "one", "three"]),
        ([{"field_name": "metrics.acc", "dataset_name": "ds", "dataset_digest": "d1"}], ["two", "three", "one"]),
        ([{"field_name": "model_type"}, {"field_name": "name"}], ["three", "two", "one"]),
    ])
    def test_orders(self, found, order, expected):
        assert found(order_by=order) == expected

    @pytest.mark.parametrize("datasets, clause, expected", [
        ([{"dataset_name": "ds", "dataset_digest": "d1"}], None, ["two"]),
        ([{"dataset_name": "ds", "dataset_digest": "d1"}], "metrics.acc > 0.3", ["two"]),
        ([{"dataset_name": "ds", "dataset_digest": "d1"}], "metrics.acc > 0.9", []),
        ([{"dataset_name": "ds", "dataset_digest": "other"}], None, []),
        ([{"dataset_name": "other", "dataset_digest": "d1"}], "metrics.acc > 0", []),
        pytest.param([{"dataset_name": "ds"}], None, ["two"], marks=pytest.mark.slipway_only),
    ])
    def test_datasets(self, found, datasets, clause, expected):
        assert found(clause, datasets=datasets) == expected

    def test_pages(self, found, api, shelf):
        assert found(max_results=2) == ["three", "two"]
        names, body = [], {"experiment_ids": [shelf[0]], "max_results": 2}
        while True:
            page = api.ok("POST", "logged-models/search", body)
            names += [model["info"]["name"] for model in page["models"]]
            if "next_page_token" not in page:
                break
            body["page_token"] = page["next_page_token"]
        assert names == ["three", "two", "one"]

    @pytest.mark.parametrize("change", [
        {"filter": "name != 'x'"},
        {"order_by": [{"field_name": "name"}]},
        {"experiment_ids": ["0"]},
    ])
    def test_a_page_token_belongs_to_its_question(self, api, shelf, change):
        body = {"experiment_ids": [shelf[0]], "max_results": 1}
        token = api.ok("POST", "logged-models/search", body)["next_page_token"]
        api.refused(INVALID, "POST", "logged-models/search", {**body, "page_token": token, **change})

    @pytest.mark.parametrize("clause", [
        "tag.x = '1'", "params.a IS NULL", "params.a > 1", "name =", "name > 'x'",
        *(pytest.param(c, marks=pytest.mark.slipway_only) for c in ["foo = 'x'", "metrics.acc = 'x'", "metrics.acc LIKE 'x'", "name = 5", "creation_time = 'x'"]),
    ])
    def test_bad_filters(self, found, clause):
        with refused(INVALID):
            found(clause)

    @pytest.mark.parametrize("order", [{"field_name": "nope"}, {"field_name": "params.C"}, {"field_name": ""}])
    def test_bad_orders(self, found, order):
        with refused(INVALID):
            found(order_by=[order])

    def test_data_frame(self, shelf):
        frame = mlflow.search_logged_models([shelf[0]], filter_string="metrics.acc > 0.1")
        assert list(frame["name"]) == ["two"]


class TestFiles:
    @pytest.fixture
    def model(self, api, experiment):
        model = api.new_model(experiment)
        folder = f"{experiment}/models/{model}/artifacts"
        api.put_artifact(f"{folder}/MLmodel", b"flavors: {}")
        api.put_artifact(f"{folder}/data/a.txt", b"x")
        return model

    def test_folders(self, api, experiment, model):
        path = f"logged-models/{model}/artifacts/directories"
        answer = api.ok("GET", path)
        assert answer["root_uri"] == f"mlflow-artifacts:/{experiment}/models/{model}/artifacts"
        assert sorted(answer["files"], key=lambda f: f["path"]) == [
            {"path": "MLmodel", "is_dir": False, "file_size": 11},
            {"path": "data", "is_dir": True},
        ]
        below = api.ok("GET", path, query={"artifact_directory_path": "data"})
        assert below["files"] == [{"path": "data/a.txt", "is_dir": False, "file_size": 1}]

    def test_file_for_the_browser(self, api, model):
        path = f"/ajax-api/2.0/mlflow/logged-models/{model}/artifacts/files"
        response = api.send("GET", path, query={"artifact_file_path": "MLmodel"})
        assert response.content == b"flavors: {}"
        assert response.headers["Content-Disposition"] == "attachment; filename=MLmodel"

    @pytest.mark.parametrize("bad", ["..", "../x", "a/../../x", "/etc/passwd", "%2e%2e/x"])
    def test_hostile_paths(self, api, model, bad):
        folders = api.send("GET", f"logged-models/{model}/artifacts/directories", query={"artifact_directory_path": bad})
        refusal(folders, INVALID)
        path = f"/ajax-api/2.0/mlflow/logged-models/{model}/artifacts/files"
        refusal(api.send("GET", path, query={"artifact_file_path": bad}), INVALID)

    def test_client_lists_and_loads_files(self, client, model):
        assert sorted(f.path for f in client.list_logged_model_artifacts(model)) == ["MLmodel", "data"]

    def test_client_uploads_files(self, client, model, tmp_path):
        (tmp_path / "extra.txt").write_text("extra")
        client.log_model_artifact(model, str(tmp_path / "extra.txt"))
        assert "extra.txt" in [f.path for f in client.list_logged_model_artifacts(model)]
