"""Experiments, runs, metrics, params, tags and datasets, as the MLflow client uses them."""

import math

import mlflow
import numpy
import pytest
from mlflow.entities import LoggedModelInput, Metric, Param, RunStatus, RunTag, ViewType
from mlflow.exceptions import MlflowException

from api import now_ms, unique

INVALID = "INVALID_PARAMETER_VALUE"
ABSENT = "RESOURCE_DOES_NOT_EXIST"
LARGEST = 1.7976931348623157e308


def refused(code):
    """Expects the client to raise an error with this code."""
    return pytest.raises(MlflowException, check=lambda error: error.error_code == code)


def names(runs):
    return [run.info.run_name for run in runs]


class TestConnecting:
    def test_health(self, api):
        assert api.get("/health").text == "OK"

    def test_version_is_one_for_which_the_client_sends_spans(self, api):
        major, minor = api.get("/version").text.split(".")[:2]
        assert (int(major), int(minor)) >= (3, 4)

    def test_server_info(self, api):
        info = api.server_info()
        assert isinstance(info["multipart_uploads_enabled"], bool)
        assert isinstance(info["workspaces_enabled"], bool)
        assert info == api.ok("GET", "/ajax-api/3.0/mlflow/server-info")

    def test_browser_mirror_answers_the_same(self, api, run):
        ours = api.ok("GET", "runs/get", query={"run_id": run})
        assert api.ok("GET", "/ajax-api/2.0/mlflow/runs/get", query={"run_id": run}) == ours

    @pytest.mark.slipway_only
    @pytest.mark.parametrize("method, path", [
        ("GET", "no-such-route"),
        ("GET", "/api/3.0/mlflow/no-such-route"),
        ("GET", "/ajax-api/2.0/mlflow/no-such-route"),
        ("POST", "experiments/search-datasets"),
        ("GET", "metrics/get-history-bulk"),
    ])
    def test_unknown_route_is_endpoint_not_found(self, api, method, path):
        api.refused("ENDPOINT_NOT_FOUND", method, path, {} if method == "POST" else None)

    @pytest.mark.slipway_only
    @pytest.mark.parametrize("method, path", [
        ("POST", "/api/3.0/mlflow/traces/search"),
        ("POST", "/v1/traces"),
    ])
    def test_traces_are_not_served_yet(self, api, method, path):
        api.refused("ENDPOINT_NOT_FOUND", method, path, {} if method == "POST" else None)


class TestExperiments:
    def test_default_exists(self, client):
        assert client.get_experiment("0").name == "Default"

    def test_create_and_get(self, client):
        name = unique("exp")
        experiment_id = client.create_experiment(name, tags={"team": "a"})
        experiment = client.get_experiment(experiment_id)
        assert experiment.name == name
        assert experiment.tags["team"] == "a"
        assert experiment.lifecycle_stage == "active"
        assert experiment.artifact_location == f"mlflow-artifacts:/{experiment_id}"
        assert 0 < experiment.creation_time <= experiment.last_update_time
        assert client.get_experiment_by_name(name).experiment_id == experiment_id

    def test_own_artifact_location(self, client):
        experiment_id = client.create_experiment(unique("exp"), artifact_location="mlflow-artifacts:/own/place")
        run = client.create_run(experiment_id)
        assert run.info.artifact_uri == f"mlflow-artifacts:/own/place/{run.info.run_id}/artifacts"

    def test_set_experiment_by_name_creates_it_once(self):
        name = unique("exp")
        first, second = mlflow.set_experiment(name), mlflow.set_experiment(name)
        assert first.experiment_id == second.experiment_id

    def test_unknown(self, client):
        assert client.get_experiment_by_name(unique("absent")) is None
        with refused(ABSENT):
            client.get_experiment("987654321")

    def test_name_is_taken_even_after_deletion(self, client, experiment):
        name = client.get_experiment(experiment).name
        client.delete_experiment(experiment)
        with refused("RESOURCE_ALREADY_EXISTS"):
            client.create_experiment(name)

    def test_rename(self, client, experiment):
        name = unique("renamed")
        client.rename_experiment(experiment, name)
        assert client.get_experiment(experiment).name == name

    def test_rename_to_a_taken_name(self, api, experiment):
        response = api.post("experiments/update", experiment_id=experiment, new_name="Default")
        assert response.status_code == 400

    def test_tags_overwrite_and_go(self, client, experiment):
        client.set_experiment_tag(experiment, "k", "1")
        client.set_experiment_tag(experiment, "k", "2")
        assert client.get_experiment(experiment).tags["k"] == "2"
        client.delete_experiment_tag(experiment, "k")
        assert "k" not in client.get_experiment(experiment).tags
        with refused(ABSENT):
            client.delete_experiment_tag(experiment, "k")

    def test_deletion_takes_runs_along_and_restoring_brings_them_back(self, client, experiment, run):
        client.delete_experiment(experiment)
        assert client.get_experiment(experiment).lifecycle_stage == "deleted"
        assert client.get_run(run).info.lifecycle_stage == "deleted"
        with refused(INVALID):
            client.create_run(experiment)
        with refused(INVALID):
            client.set_experiment_tag(experiment, "k", "v")
        client.restore_experiment(experiment)
        assert client.get_experiment(experiment).lifecycle_stage == "active"
        assert client.get_run(run).info.lifecycle_stage == "active"

    def test_deleting_twice_and_restoring_active_are_absent(self, client, experiment):
        with refused(ABSENT):
            client.restore_experiment(experiment)
        client.delete_experiment(experiment)
        with refused(ABSENT):
            client.delete_experiment(experiment)


class TestSearchExperiments:
    @pytest.fixture(scope="class")
    def family(self, api):
        """A word that the names of three experiments share: -Alpha (team a), -beta (team b), -gone (deleted)."""
        word = unique("family")
        for end, team in [("Alpha", "a"), ("beta", "b"), ("gone", "a")]:
            body = {"name": f"{word}-{end}", "tags": [{"key": "team", "value": team}, {"key": f"only {end}", "value": "1"}]}
            experiment_id = api.ok("POST", "experiments/create", body)["experiment_id"]
        api.ok("POST", "experiments/delete", {"experiment_id": experiment_id})
        return word

    @pytest.mark.parametrize("clause, ends", [
        ("name = '{}-beta'", ["beta"]),
        ("name != '{}-beta'", ["Alpha"]),
        ("attribute.name LIKE '%-A%'", ["Alpha"]),
        ("name LIKE '%-alpha'", []),
        ("name ILIKE '%-alpha'", ["Alpha"]),
        ("name LIKE '%-_lpha'", ["Alpha"]),
        ("tags.team = 'a'", ["Alpha"]),
        ("tag.team != 'a'", ["beta"]),
        ("tags.`only Alpha` = '1'", ["Alpha"]),
        ('tags."only beta" IS NOT NULL', ["beta"]),
        ("tags.`only Alpha` IS NULL", ["beta"]),
        ("tags.absent != 'x'", []),
        ("creation_time > 0 AND last_update_time >= 1", ["Alpha", "beta"]),
        ("creation_time < 5", []),
        ("experiment_id IN ('0')", []),
        ("experiment_id NOT IN ('0')", ["Alpha", "beta"]),
    ])
    def test_filters(self, client, family, clause, ends):
        clause = f"name LIKE '{family}-%' AND {clause.format(family)}"
        found = client.search_experiments(filter_string=clause, order_by=["name ASC"])
        assert [experiment.name for experiment in found] == [f"{family}-{end}" for end in ends]

    @pytest.mark.parametrize("view, ends", [
        (ViewType.ACTIVE_ONLY, ["Alpha", "beta"]),
        (ViewType.DELETED_ONLY, ["gone"]),
        (ViewType.ALL, ["Alpha", "beta", "gone"]),
    ])
    def test_view_types(self, client, family, view, ends):
        found = client.search_experiments(view, filter_string=f"name LIKE '{family}-%'", order_by=["name"])
        assert [experiment.name for experiment in found] == [f"{family}-{end}" for end in ends]

    def test_newest_first_by_default(self, client):
        word = unique("ordered")
        for i in range(3):
            client.create_experiment(f"{word}-{i}")
        found = client.search_experiments(filter_string=f"name LIKE '{word}-%'")
        assert found == sorted(found, key=lambda e: (-e.creation_time, int(e.experiment_id)))
        assert len(found) == 3

    def test_pages(self, client):
        word = unique("paged")
        created = {client.create_experiment(f"{word}-{i}") for i in range(5)}
        seen, token = [], None
        while token or not seen:
            page = client.search_experiments(filter_string=f"name LIKE '{word}-%'", max_results=2, page_token=token)
            seen += [experiment.experiment_id for experiment in page]
            token = page.token
        assert len(seen) == 5 and set(seen) == created

    @pytest.mark.parametrize("clause", ["name = bare", "bogus = 'x'", "name > 'x'", "creation_time = 'x'", "name IN ('a')"])
    def test_bad_filters(self, client, clause):
        with refused(INVALID):
            client.search_experiments(filter_string=clause)


class TestRuns:
    def test_fluent_run(self, experiment):
        with mlflow.start_run(run_name="first", tags={"team": "a"}, description="about it") as active:
            assert active.info.status == "RUNNING"
        run = mlflow.get_run(active.info.run_id)
        assert run.info.status == "FINISHED"
        assert run.info.run_name == run.data.tags["mlflow.runName"] == "first"
        assert run.info.experiment_id == experiment
        assert run.info.artifact_uri == f"mlflow-artifacts:/{experiment}/{run.info.run_id}/artifacts"
        assert len(run.info.run_id) == 32
        assert 0 < run.info.start_time <= run.info.end_time
        assert run.data.tags["team"] == "a"
        assert run.data.tags["mlflow.note.content"] == "about it"

    def test_failure_in_the_block_fails_the_run(self, experiment):
        with pytest.raises(ZeroDivisionError), mlflow.start_run() as active:
            1 / 0
        assert mlflow.get_run(active.info.run_id).info.status == "FAILED"

    def test_nested_runs(self, client, experiment):
        with mlflow.start_run() as parent:
            with mlflow.start_run(nested=True) as child:
                pass
        assert client.get_parent_run(child.info.run_id).info.run_id == parent.info.run_id
        of_parent = f"tags.mlflow.parentRunId = '{parent.info.run_id}'"
        assert [r.info.run_id for r in client.search_runs([experiment], of_parent)] == [child.info.run_id]

    def test_resumed_run(self, experiment):
        with mlflow.start_run() as first:
            mlflow.log_param("a", 1)
        with mlflow.start_run(run_id=first.info.run_id):
            mlflow.log_param("b", 2)
        assert mlflow.get_run(first.info.run_id).data.params == {"a": "1", "b": "2"}

    @pytest.mark.parametrize("status", ["RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"])
    def test_every_status(self, client, run, status):
        client.update_run(run, status=status)
        assert client.get_run(run).info.status == status

    def test_set_terminated(self, client, run):
        client.set_terminated(run, status=RunStatus.to_string(RunStatus.KILLED), end_time=now_ms())
        info = client.get_run(run).info
        assert info.status == "KILLED" and info.end_time > 0

    def test_update_leaves_other_fields(self, api, run):
        api.ok("POST", "runs/update", {"run_id": run, "status": "FINISHED", "end_time": 12345})
        api.ok("POST", "runs/update", {"run_id": run, "run_name": "again"})
        info = api.run(run)["info"]
        assert (info["status"], info["end_time"], info["run_name"]) == ("FINISHED", 12345, "again")

    def test_random_name_when_none_is_given(self, client, experiment):
        first, second = client.create_run(experiment), client.create_run(experiment)
        assert first.info.run_name and first.info.run_name != second.info.run_name
        assert first.data.tags["mlflow.runName"] == first.info.run_name

    def test_name_and_tag_mirror_each_other(self, client, experiment):
        run = client.create_run(experiment, tags={"mlflow.runName": "by tag"}).info.run_id
        assert client.get_run(run).info.run_name == "by tag"
        client.update_run(run, name="by update")
        assert client.get_run(run).data.tags["mlflow.runName"] == "by update"
        client.set_tag(run, "mlflow.runName", "by set-tag")
        assert client.get_run(run).info.run_name == "by set-tag"
        client.log_batch(run, tags=[RunTag("mlflow.runName", "by batch")])
        assert client.get_run(run).info.run_name == "by batch"
        assert client.get_run(run).data.tags["mlflow.runName"] == "by batch"

    def test_name_and_tag_must_agree(self, client, experiment):
        with refused(INVALID):
            client.create_run(experiment, run_name="a", tags={"mlflow.runName": "b"})

    def test_deletion_and_restoring(self, client, experiment, run):
        client.delete_run(run)
        client.delete_run(run)
        assert client.get_run(run).info.lifecycle_stage == "deleted"
        assert client.search_runs([experiment]) == []
        assert len(client.search_runs([experiment], run_view_type=ViewType.DELETED_ONLY)) == 1
        assert len(client.search_runs([experiment], run_view_type=ViewType.ALL)) == 1
        client.restore_run(run)
        assert len(client.search_runs([experiment])) == 1

    @pytest.mark.parametrize("write", [
        lambda client, run: client.set_tag(run, "k", "v"),
        lambda client, run: client.delete_tag(run, "mlflow.runName"),
        lambda client, run: client.log_param(run, "k", "v"),
        lambda client, run: client.log_metric(run, "k", 1),
        lambda client, run: client.log_batch(run, metrics=[Metric("k", 1, 1, 0)]),
        lambda client, run: client.log_inputs(run, models=[LoggedModelInput("m-1")]),
        lambda client, run: client.set_terminated(run),
        lambda client, run: client.update_run(run, name="x"),
    ], ids=["set-tag", "delete-tag", "log-parameter", "log-metric", "log-batch", "log-inputs", "terminate", "update"])
    def test_deleted_run_takes_no_writes(self, client, run, write):
        client.delete_run(run)
        with refused(INVALID):
            write(client, run)

    def test_unknown_run(self, client):
        for call in (client.get_run, client.delete_run, client.restore_run, client.set_terminated):
            with refused(ABSENT):
                call("f" * 32)

    def test_run_uuid_is_another_name_of_run_id(self, api, run):
        assert api.ok("GET", "runs/get", query={"run_uuid": run})["run"]["info"]["run_uuid"] == run
        api.ok("POST", "runs/set-tag", {"run_uuid": run, "key": "k", "value": "v"})
        assert {"key": "k", "value": "v"} in api.run(run)["data"]["tags"]

    def test_legacy_log_model_appends_to_a_tag(self, api, run):
        info = '{"artifact_path": "%s", "flavors": {}, "utc_time_created": "2026-01-01 00:00:00.0", "run_id": "x"}'
        for path in ("one", "two"):
            api.ok("POST", "runs/log-model", {"run_id": run, "model_json": info % path})
        tags = {tag["key"]: tag["value"] for tag in api.run(run)["data"]["tags"]}
        history = tags["mlflow.log-model.history"]
        assert 0 < history.index('"one"') < history.index('"two"')


class TestTagsAndParams:
    def test_tags_overwrite_and_go(self, client, run):
        client.set_tag(run, "k", "1")
        client.set_tag(run, "k", "2")
        assert client.get_run(run).data.tags["k"] == "2"
        client.delete_tag(run, "k")
        assert "k" not in client.get_run(run).data.tags
        with refused(ABSENT):
            client.delete_tag(run, "k")

    def test_params_are_written_once(self, client, run):
        client.log_param(run, "lr", "0.1")
        client.log_param(run, "lr", "0.1")
        with refused(INVALID):
            client.log_param(run, "lr", "0.2")
        assert client.get_run(run).data.params == {"lr": "0.1"}

    def test_empty_param(self, client, run):
        client.log_param(run, "empty", "")
        assert client.get_run(run).data.params == {"empty": ""}

    def test_long_values_are_truncated(self, api, run):
        api.ok("POST", "runs/set-tag", {"run_id": run, "key": "t", "value": "v" * 9000})
        api.ok("POST", "runs/log-parameter", {"run_id": run, "key": "p", "value": "é" * 7000})
        data = api.run(run)["data"]
        assert {"key": "t", "value": "v" * 8000} in data["tags"]
        assert data["params"] == [{"key": "p", "value": "é" * 6000}]

    def test_a_long_param_that_is_logged_again_is_the_same(self, api, run):
        for _ in range(2):
            api.ok("POST", "runs/log-parameter", {"run_id": run, "key": "p", "value": "v" * 7000})

    @pytest.mark.parametrize("key", ["a", "a/b", "a b", "a.b-c_d", "größe", "損失", "a:b", "k" * 250])
    def test_good_keys(self, client, run, key):
        client.log_param(run, key, "1")
        client.set_tag(run, key, "1")
        client.log_metric(run, key, 1.0)
        data = client.get_run(run).data
        assert key in data.params and key in data.tags and key in data.metrics

    @pytest.mark.parametrize("key", ["", "..", "../a", "a/../b", "/a", "a/", "a//b", "./a", ".", "a$b", "a\nb", "k" * 251])
    def test_bad_keys(self, api, run, key):
        api.refused(INVALID, "POST", "runs/log-parameter", {"run_id": run, "key": key, "value": "1"})
        api.refused(INVALID, "POST", "runs/set-tag", {"run_id": run, "key": key, "value": "1"})
        api.refused(INVALID, "POST", "runs/log-metric", {"run_id": run, "key": key, "value": 1, "timestamp": 1})


class TestBatches:
    def test_everything_at_once(self, client, run):
        client.log_batch(run, [Metric("m", 1.5, 10, 3)], [Param("p", "x")], [RunTag("t", "y")])
        data = client.get_run(run).data
        assert (data.metrics, data.params, data.tags["t"]) == ({"m": 1.5}, {"p": "x"}, "y")

    def test_refused_param_stores_nothing_of_the_batch(self, api, run):
        api.ok("POST", "runs/log-parameter", {"run_id": run, "key": "p", "value": "1"})
        batch = {
            "run_id": run,
            "params": [{"key": "new", "value": "1"}, {"key": "p", "value": "2"}],
            "metrics": [{"key": "m", "value": 1, "timestamp": 1}],
            "tags": [{"key": "t", "value": "1"}],
        }
        api.refused(INVALID, "POST", "runs/log-batch", batch)
        data = api.run(run)["data"]
        assert data["params"] == [{"key": "p", "value": "1"}]
        assert "metrics" not in data
        assert "t" not in {tag["key"] for tag in data["tags"]}

    def test_one_key_twice_in_the_params(self, api, run):
        params = [{"key": "p", "value": "1"}, {"key": "p", "value": "1"}]
        api.refused(INVALID, "POST", "runs/log-batch", {"run_id": run, "params": params})

    def test_one_key_twice_in_the_tags_keeps_the_last(self, api, run):
        tags = [{"key": "t", "value": "1"}, {"key": "t", "value": "2"}]
        api.ok("POST", "runs/log-batch", {"run_id": run, "tags": tags})
        assert {"key": "t", "value": "2"} in api.run(run)["data"]["tags"]

    def test_ten_thousand_points(self, client, run):
        points = [Metric("loss", 1.0 / (i + 1), 1000 + i, i) for i in range(10_000)]
        for start in range(0, len(points), 1000):
            client.log_batch(run, metrics=points[start : start + 1000])
        history = client.get_metric_history(run, "loss")
        assert [m.step for m in history] == list(range(10_000))
        assert [m.value for m in history] == [m.value for m in points]
        assert client.get_run(run).data.metrics["loss"] == points[-1].value

    def test_asynchronous_logging(self, experiment):
        with mlflow.start_run() as active:
            pending = [mlflow.log_metric("m", i, step=i, synchronous=False) for i in range(20)]
            for operation in pending:
                operation.wait()
        history = mlflow.MlflowClient().get_metric_history(active.info.run_id, "m")
        assert sorted(m.value for m in history) == list(range(20))


class TestMetrics:
    @pytest.mark.parametrize("points, latest", [
        # (value, timestamp, step): the latest is the largest by step, then timestamp, then value.
        ([(1, 9, 2), (2, 9, 1)], 1),
        ([(1, 9, 1), (2, 8, 1)], 1),
        ([(2, 9, 1), (1, 9, 1)], 2),
        ([(5, 9, -2), (4, 9, -3)], 5),
        ([(1, 1, 5), (7, 99, 0)], 1),
    ])
    @pytest.mark.parametrize("together", [True, False], ids=["batch", "single"])
    def test_latest_is_not_the_last_written(self, client, run, points, latest, together):
        metrics = [Metric("m", value, timestamp, step) for value, timestamp, step in points]
        if together:
            client.log_batch(run, metrics=metrics)
        else:
            for m in metrics:
                client.log_metric(run, m.key, m.value, m.timestamp, m.step)
        assert client.get_run(run).data.metrics == {"m": latest}

    def test_equal_points_are_stored_once(self, client, run):
        for _ in range(2):
            client.log_metric(run, "m", 1.0, timestamp=5, step=1)
            client.log_batch(run, metrics=[Metric("m", 1.0, 5, 1), Metric("m", 1.0, 5, 1)])
        client.log_metric(run, "m", 2.0, timestamp=5, step=1)
        assert [m.value for m in client.get_metric_history(run, "m")] == [1.0, 2.0]

    def test_not_numbers_and_infinities(self, api, client, run):
        values = {"nan": math.nan, "inf": math.inf, "ninf": -math.inf}
        for key, value in values.items():
            client.log_metric(run, key, value, step=1)
        stored = {m["key"]: m["value"] for m in api.run(run)["data"]["metrics"]}
        assert stored == {"nan": "NaN", "inf": LARGEST, "ninf": -LARGEST}
        assert math.isnan(client.get_run(run).data.metrics["nan"])
        assert math.isnan(client.get_metric_history(run, "nan")[0].value)

    def test_nan_is_stored_once_and_can_be_latest(self, client, run):
        client.log_metric(run, "m", 1.0, timestamp=1, step=1)
        for _ in range(2):
            client.log_metric(run, "m", math.nan, timestamp=2, step=2)
        assert len(client.get_metric_history(run, "m")) == 2
        assert math.isnan(client.get_run(run).data.metrics["m"])

    def test_history_is_ordered_by_time_step_value(self, client, run):
        points = [(3, 2, 1), (1, 1, 7), (2, 2, 0), (1, 2, 1)]
        client.log_batch(run, metrics=[Metric("m", *point) for point in points])
        history = [(m.value, m.timestamp, m.step) for m in client.get_metric_history(run, "m")]
        assert history == [(1, 1, 7), (2, 2, 0), (1, 2, 1), (3, 2, 1)]

    def test_history_in_pages(self, api, run):
        points = [{"key": "m", "value": i, "timestamp": i, "step": i} for i in range(7)]
        api.ok("POST", "runs/log-batch", {"run_id": run, "metrics": points})
        seen, query = [], {"run_id": run, "metric_key": "m", "max_results": 3}
        while True:
            page = api.ok("GET", "metrics/get-history", query=query)
            seen.append([point["step"] for point in page["metrics"]])
            if "next_page_token" not in page:
                break
            query["page_token"] = page["next_page_token"]
        assert seen == [[0, 1, 2], [3, 4, 5], [6]]

    def test_numbers_may_come_as_text(self, api, run):
        body = {"run_id": run, "key": "m", "value": "3.5", "timestamp": "7", "step": "-2"}
        api.ok("POST", "runs/log-metric", body)
        assert api.run(run)["data"]["metrics"] == [{"key": "m", "value": 3.5, "timestamp": 7, "step": -2}]

    @pytest.mark.parametrize("most, steps", [
        (1, [19]), (2, [0, 19]), (20, list(range(20))), (2500, list(range(20))),
    ])
    def test_sampled_history_keeps_first_and_last(self, api, run, most, steps):
        points = [{"key": "m", "value": i, "timestamp": i, "step": i} for i in range(20)]
        api.ok("POST", "runs/log-batch", {"run_id": run, "metrics": points})
        query = {"run_ids": [run], "metric_key": "m", "max_results": most}
        answer = api.ok("GET", "metrics/get-history-bulk-interval", query=query)
        assert [point["step"] for point in answer["metrics"]] == steps
        assert {point["run_id"] for point in answer["metrics"]} == {run}

    def test_sampled_history_is_a_part_in_order(self, api, run):
        """Which points stand for the others is the server's choice: upstream takes every n-th, we take those that keep the look of the curve."""
        points = [{"key": "m", "value": i % 3, "timestamp": i, "step": i} for i in range(20)]
        api.ok("POST", "runs/log-batch", {"run_id": run, "metrics": points})
        query = {"run_ids": [run], "metric_key": "m", "max_results": 5}
        steps = [point["step"] for point in api.ok("GET", "metrics/get-history-bulk-interval", query=query)["metrics"]]
        assert len(steps) == 5 and steps == sorted(set(steps)) and steps[0] == 0 and steps[-1] == 19

    def test_sampled_history_of_one_step_stays_bounded(self, api, run):
        points = [{"key": "m", "value": i, "timestamp": i, "step": 0} for i in range(50)]
        api.ok("POST", "runs/log-batch", {"run_id": run, "metrics": points})
        query = {"run_ids": [run], "metric_key": "m", "max_results": 10}
        values = [p["value"] for p in api.ok("GET", "metrics/get-history-bulk-interval", query=query)["metrics"]]
        assert len(values) == 10 and (values[0], values[-1]) == (0, 49)

    def test_bulk_history_of_several_runs(self, api, experiment):
        runs = sorted(api.new_run(experiment) for _ in range(3))
        for value, run in enumerate(runs):
            api.ok("POST", "runs/log-metric", {"run_id": run, "key": "m", "value": value, "timestamp": 1})
        answer = api.ok("GET", "/ajax-api/2.0/mlflow/metrics/get-history-bulk", query={"run_id": runs, "metric_key": "m"})
        assert [(p["run_id"], p["value"]) for p in answer["metrics"]] == list(zip(runs, [0, 1, 2]))


class TestSearchRuns:
    """Four runs: one (loss 0.1, acc), two (loss 0.5), three (loss NaN), four (no metric)."""

    @pytest.fixture(scope="class")
    def found(self, api):
        """A function from filter, order and more to the names of the runs found."""
        experiment = api.new_experiment()
        losses = {"one": 0.1, "two": 0.5, "three": "NaN", "four": None}
        for age, (name, loss) in enumerate(losses.items()):
            run = api.new_run(experiment, run_name=name, start_time=1000 + age, user_id="Ann")
            metrics = [{"key": "loss", "value": loss, "timestamp": 1, "step": 0}] if loss is not None else []
            if name == "one":
                metrics.append({"key": "val/acc top", "value": 0.9, "timestamp": 1, "step": 0})
            params = [{"key": "Opt", "value": "Adam" if name == "one" else "sgd"}] if name != "four" else []
            tags = [{"key": "my.tag", "value": name.upper()}, {"key": f"has {name}", "value": "it's"}]
            api.ok("POST", "runs/log-batch", {"run_id": run, "metrics": metrics, "params": params, "tags": tags})
        api.ok("POST", "runs/update", {"run_id": run, "status": "FINISHED", "end_time": 5000})
        dataset = {"name": "ds", "digest": "d1", "source_type": "local", "source": "{}"}
        context = [{"key": "mlflow.data.context", "value": "train"}]
        api.ok("POST", "runs/log-inputs", {"run_id": run, "datasets": [{"dataset": dataset, "tags": context}]})
        client = mlflow.MlflowClient(tracking_uri=api.url)
        return lambda *args, **more: names(client.search_runs([experiment], *args, **more))

    @pytest.mark.parametrize("clause, expected", [
        ("metrics.loss < 0.5", ["one"]),
        ("metric.loss <= 0.5", ["two", "one"]),
        ("metrics.loss > 0.1", ["two"]),
        ("metrics.loss >= 1e-1", ["two", "one"]),
        ("metrics.loss = 0.5", ["two"]),
        ("metrics.loss != 0.5", ["three", "one"]),
        ("metrics.loss > -1 AND metrics.loss < 0.3", ["one"]),
        ("metrics.`val/acc top` > 0.5", ["one"]),
        ('metrics."val/acc top" > 0.5', ["one"]),
        ("params.Opt = 'Adam'", ["one"]),
        ("parameter.Opt != 'Adam'", ["three", "two"]),
        ("param.Opt LIKE 'A%'", ["one"]),
        ("params.Opt LIKE 'a%'", []),
        ("params.Opt ILIKE 'a%'", ["one"]),
        ("params.Opt LIKE '_gd'", ["three", "two"]),
        ("params.Opt IS NULL", ["four"]),
        ("params.Opt IS NOT NULL", ["three", "two", "one"]),
        ("tags.my.tag = 'TWO'", ["two"]),
        ("tag.my.tag ILIKE 't%'", ["three", "two"]),
        ("tags.`has one` IS NOT NULL", ["one"]),
        ("tags.`has one` IS NULL AND params.Opt IS NOT NULL", ["three", "two"]),
        ("tags.`has one` = \"it's\"", ["one"]),
        ("tags.mlflow.runName = 'one'", ["one"]),
        ("run_name = 'one'", ["one"]),
        ("attributes.run_name LIKE 't%'", ["three", "two"]),
        ("attr.`run name` = 'two'", ["two"]),
        ("attribute.`Run Name` != 'two'", ["four", "three", "one"]),
        ("run_name ILIKE 'ON_'", ["one"]),
        ("status = 'FINISHED'", ["four"]),
        ("attributes.status != 'FINISHED'", ["three", "two", "one"]),
        ("status = 'running'", []),
        ("user_id = 'Ann'", ["four", "three", "two", "one"]),
        ("artifact_uri LIKE 'mlflow-artifacts:%'", ["four", "three", "two", "one"]),
        ("start_time > 1001", ["four", "three"]),
        ("created <= 1001", ["two", "one"]),
        ("start_time = 1000", ["one"]),
        ("end_time > 0", ["four"]),
        ("end_time != 0", ["four"]),
        ("dataset.name = 'ds'", ["four"]),
        ("datasets.digest LIKE 'd%'", ["four"]),
        ("dataset.context IN ('train', 'test')", ["four"]),
        ("dataset.name NOT IN ('other')", ["four"]),
        ("run_id IN ('x')", []),
        ("run_id NOT IN ('x')", ["four", "three", "two", "one"]),
        ("params.Opt = 'sgd' and metrics.loss > 0 AnD run_name='two'", ["two"]),
        ("", ["four", "three", "two", "one"]),
    ])
    def test_filters(self, found, clause, expected):
        assert found(clause) == expected

    @pytest.mark.parametrize("order, expected", [
        ([], ["four", "three", "two", "one"]),
        (["metrics.loss ASC"], ["one", "two", "three", "four"]),
        (["metrics.loss DESC"], ["two", "one", "three", "four"]),
        (["metrics.loss"], ["one", "two", "three", "four"]),
        (["metric.`val/acc top` DESC"], ["one", "four", "three", "two"]),
        (["params.Opt ASC"], ["one", "three", "two", "four"]),
        (["params.Opt DESC", "start_time ASC"], ["two", "three", "one", "four"]),
        (["tags.my.tag ASC"], ["four", "one", "three", "two"]),
        (["attributes.run_name desc"], ["two", "three", "one", "four"]),
        (["start_time ASC"], ["one", "two", "three", "four"]),
        (["end_time ASC"], ["four", "three", "two", "one"]),
        (["status ASC", "start_time ASC"], ["four", "one", "two", "three"]),
    ])
    def test_orders(self, found, order, expected):
        assert found(order_by=order) == expected

    @pytest.mark.parametrize("clause", [
        "metrics.loss", "metrics.loss >", "metrics.loss = 'x'", "metrics.loss > NaN", "params.Opt = 1", "params.Opt = Adam",
        "params.Opt < 'x'", "foo.bar = 1", "bogus = 'x'", "metrics.a = 1; metrics.b = 2", "status IN ('RUNNING')", "run_id IN ()", "run_id IN ('a', 1)",
        "end_time IS NULL", "metrics.loss IS NULL", "dataset.foo = 'x'", "start_time = 'x'", "metrics.loss LIKE 'a'",
        "params.a = 'unterminated", "params.`a = '1'",
    ])
    def test_bad_filters(self, found, clause):
        with refused(INVALID):
            found(clause)

    @pytest.mark.slipway_only
    @pytest.mark.parametrize("clause, expected", [
        ("params.Opt = 'Adam' OR metrics.loss = 0.5", ["two", "one"]),
        ("(run_name = 'one' OR run_name = 'two') AND metrics.loss > 0.3", ["two"]),
        ("run_name = 'four' OR run_name = 'one' AND metrics.loss > 0.3", ["four"]),
        ("NOT run_name = 'one' AND params.Opt IS NOT NULL", ["three", "two"]),
        ("((run_name = 'one'))", ["one"]),
    ])
    def test_more_than_conjunctions(self, found, clause, expected):
        assert found(clause) == expected

    @pytest.mark.slipway_only
    @pytest.mark.parametrize("clause", ["(", ")", "()", "(metrics.loss = 1", "metrics.loss = 1)", "OR", "NOT", "metrics.loss = 1 OR", "metrics.loss = 1 metrics.loss = 2"])
    def test_broken_connectives(self, found, clause):
        with refused(INVALID):
            found(clause)

    @pytest.mark.slipway_only
    @pytest.mark.parametrize("clause", ["metrics.loss = 1 AND", "AND metrics.loss = 1", "metrics.loss = 1 AND AND metrics.loss = 1"])
    def test_dangling_and(self, found, clause):
        with refused(INVALID):
            found(clause)

    @pytest.mark.parametrize("order", ["foo.bar", "start_time SIDEWAYS", "bogus"])
    def test_bad_orders(self, found, order):
        with refused(INVALID):
            found(order_by=[order])

    @pytest.mark.slipway_only
    def test_one_field_twice_in_the_order(self, found):
        with refused(INVALID):
            found(order_by=["metrics.loss", "metrics.loss DESC"])

    def test_no_experiments_and_unknown_ones(self, client):
        assert client.search_runs([]) == []
        assert client.search_runs(["987654321"]) == []

    def test_pages_hold_still_while_runs_are_added(self, api, client, experiment):
        for i in range(6):
            api.new_run(experiment, run_name=f"old-{i}", start_time=1000 + i)
        seen, token = [], None
        while token or not seen:
            page = client.search_runs([experiment], max_results=2, page_token=token, order_by=["start_time ASC"])
            seen += names(page)
            token = page.token
            # Newer runs sort after everything, so they must neither repeat nor hide an old one.
            if len(seen) <= 4:
                api.new_run(experiment, run_name="new", start_time=9000)
        assert [name for name in seen if name != "new"] == [f"old-{i}" for i in range(6)]

    def test_data_frame(self, experiment):
        with mlflow.start_run():
            mlflow.log_metric("m", 2.0)
            mlflow.log_param("p", "x")
        frame = mlflow.search_runs([experiment], filter_string="metrics.m > 1")
        assert list(frame["metrics.m"]) == [2.0] and list(frame["params.p"]) == ["x"]


class TestDatasets:
    def test_input_from_numpy(self, client, experiment):
        data = mlflow.data.from_numpy(numpy.arange(12).reshape(4, 3), targets=numpy.zeros(4), name="grid")
        with mlflow.start_run() as active:
            mlflow.log_input(data, context="train", tags={"z": "1"})
        [logged] = client.get_run(active.info.run_id).inputs.dataset_inputs
        assert logged.dataset.name == "grid"
        assert logged.dataset.digest == data.digest
        assert "mlflow_tensorspec" in logged.dataset.schema
        assert {tag.key: tag.value for tag in logged.tags} == {"mlflow.data.context": "train", "z": "1"}
        [run] = client.search_runs([experiment], "dataset.name = 'grid' AND dataset.context = 'train'")
        assert run.info.run_id == active.info.run_id
        assert run.inputs.dataset_inputs[0].dataset.digest == data.digest

    def test_same_dataset_again_changes_nothing(self, api, run):
        dataset = {"name": "d", "digest": "1", "source_type": "local", "source": "{}"}
        for context in ("train", "test"):
            tags = [{"key": "mlflow.data.context", "value": context}]
            api.ok("POST", "runs/log-inputs", {"run_id": run, "datasets": [{"dataset": dataset, "tags": tags}]})
        [logged] = api.run(run)["inputs"]["dataset_inputs"]
        assert logged["tags"] == [{"key": "mlflow.data.context", "value": "train"}]

    def test_summaries(self, api, experiment, run):
        dataset = {"name": "d", "digest": "1", "source_type": "local", "source": "{}"}
        tags = [{"key": "mlflow.data.context", "value": "train"}]
        body = {"run_id": run, "datasets": [{"dataset": dataset, "tags": tags}, {"dataset": {**dataset, "digest": "2"}}]}
        api.ok("POST", "runs/log-inputs", body)
        answer = api.ok("POST", "/ajax-api/2.0/mlflow/experiments/search-datasets", {"experiment_ids": [experiment]})
        assert sorted(answer["dataset_summaries"], key=lambda s: s["digest"]) == [
            {"experiment_id": experiment, "name": "d", "digest": "1", "context": "train"},
            {"experiment_id": experiment, "name": "d", "digest": "2"},
        ]

    def test_model_inputs_and_outputs(self, api, experiment, run):
        used, made = api.new_model(experiment), api.new_model(experiment)
        api.ok("POST", "runs/log-inputs", {"run_id": run, "models": [{"model_id": used}]})
        api.ok("POST", "runs/outputs", {"run_id": run, "models": [{"model_id": made, "step": 3}]})
        got = api.run(run)
        assert got["inputs"]["model_inputs"] == [{"model_id": used}]
        assert got["outputs"]["model_outputs"] == [{"model_id": made, "step": 3}]
