"""Registered models, versions and prompts, as the MLflow client uses them."""

import json
import threading
from pathlib import Path

import mlflow
import numpy
import pytest
from mlflow.entities.model_registry import RegisteredModel
from mlflow.exceptions import MlflowException
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from api import refusal, unique

INVALID = "INVALID_PARAMETER_VALUE"
ABSENT = "RESOURCE_DOES_NOT_EXIST"
EXISTS = "RESOURCE_ALREADY_EXISTS"

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")  # stages, which the client warns of


def refused(code):
    return pytest.raises(MlflowException, check=lambda error: error.error_code == code)


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True)


@pytest.fixture(scope="module")
def classifier(iris):
    return LogisticRegression(max_iter=200).fit(*iris)


@pytest.fixture
def name():
    return unique("registered")


@pytest.fixture
def model(client, name):
    """The name of a fresh registered model."""
    client.create_registered_model(name, tags={"team": "a"}, description="D")
    return name


@pytest.fixture
def version(client, model):
    """Makes versions that lie elsewhere; returns their numbers."""

    def make(source="s3://bucket/model", **fields):
        return client.create_model_version(model, source, **fields).version

    return make


@pytest.fixture
def logged(experiment, classifier, iris):
    """A logged model and its run."""
    with mlflow.start_run() as run:
        info = mlflow.sklearn.log_model(classifier, name="clf", input_example=iris[0][:2], params={"p": "1"})
    return info, run


class TestRegistering:
    def test_from_a_logged_model(self, client, logged, name):
        info, run = logged
        made = mlflow.register_model(f"models:/{info.model_id}", name, tags={"t": "1"})
        assert (made.name, made.version, made.status) == (name, "1", "READY")
        got = client.get_model_version(name, "1")
        assert got.source == f"models:/{info.model_id}"
        assert got.run_id == run.info.run_id
        assert got.tags == {"t": "1"}
        assert got.current_stage == "None"
        assert got.creation_timestamp == got.last_updated_timestamp > 0

    def test_from_a_run(self, client, logged, name):
        info, run = logged
        made = mlflow.register_model(f"runs:/{run.info.run_id}/clf", name)
        assert (made.version, made.run_id) == ("1", run.info.run_id)
        assert client.get_model_version(name, "1").source == f"models:/{info.model_id}"

    def test_from_a_run_with_a_model_in_it(self, api, client, run, name):
        folder = client.get_run(run).info.artifact_uri.removeprefix("mlflow-artifacts:/")
        api.put_artifact(f"{folder}/model/MLmodel", b"flavors: {}")
        client.create_registered_model(name)
        by_uri = client.create_model_version(name, f"runs:/{run}/model", run_id=run)
        by_path = client.create_model_version(name, f"mlflow-artifacts:/{folder}/model", run_id=run)
        assert [by_uri.version, by_path.version] == ["1", "2"]
        assert by_uri.run_id == by_path.run_id == run

    def test_while_logging(self, client, experiment, classifier, name):
        info = mlflow.sklearn.log_model(classifier, name="clf", registered_model_name=name)
        again = mlflow.sklearn.log_model(classifier, name="clf", registered_model_name=name)
        assert (info.registered_model_version, again.registered_model_version) == ("1", "2")
        assert [v.version for v in client.search_model_versions(f"name = '{name}'")] == ["2", "1"]

    def test_autolog(self, client, experiment, iris, name):
        mlflow.sklearn.autolog(registered_model_name=name)
        try:
            with mlflow.start_run() as run:
                LogisticRegression(max_iter=200).fit(*iris)
        finally:
            mlflow.sklearn.autolog(disable=True)
        [latest] = client.get_latest_versions(name)
        assert (latest.version, latest.run_id) == ("1", run.info.run_id)
        loaded = mlflow.sklearn.load_model(f"models:/{name}/1")
        assert loaded.predict(iris[0]).shape == (150,)

    def test_of_another_server(self, client, model):
        made = client.create_model_version(model, "s3://bucket/x", run_id="f" * 32, run_link="https://other/runs/f", description="d")
        got = client.get_model_version(model, made.version)
        assert (got.source, got.run_id, got.run_link, got.description) == ("s3://bucket/x", "f" * 32, "https://other/runs/f", "d")
        assert client.get_model_version_download_uri(model, made.version) == "s3://bucket/x"

    def test_copy(self, client, logged, name, iris):
        info, _ = logged
        source = mlflow.register_model(f"models:/{info.model_id}", name)
        other = unique("copy")
        copied = client.copy_model_version(f"models:/{name}/1", other)
        assert (copied.name, copied.version, copied.source) == (other, "1", f"models:/{name}/1")
        assert copied.run_id == source.run_id
        again = client.copy_model_version(f"models:/{name}/latest", other)
        assert again.version == "2"
        client.delete_registered_model(name)
        assert mlflow.sklearn.load_model(f"models:/{other}/1").predict(iris[0]).shape == (150,)

    @pytest.mark.parametrize("source", [
        "/etc/passwd", "file:///etc/passwd", "models:/no-such-model/1", "runs:/" + "0" * 32 + "/m", "mlflow-artifacts:/0/x/artifacts",
        "s3://bucket/../x", "s3://bucket/%2e%2e/x", "ftp://host/x", "dbfs:/x", "dummy-source", "C:\\model", "mlflow-artifacts:/registry/x",
    ])
    @pytest.mark.slipway_only
    def test_bad_sources(self, api, model, source):
        for more in ({}, {"tags": [{"key": "mlflow.prompt.is_prompt", "value": "true"}]}):
            response = api.post("model-versions/create", name=model, source=source, **more)
            assert response.status_code in (400, 404), response.text
            assert response.json()["error_code"] in (INVALID, ABSENT)


class TestHeldFiles:
    """A version keeps its bytes, whatever becomes of what it was made from."""

    def download(self, uri, folder):
        mlflow.artifacts.download_artifacts(uri, dst_path=str(folder))
        return {path.relative_to(folder): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file() and path.name != "registered_model_meta"}

    @pytest.mark.slipway_only
    def test_after_overwriting_and_deleting(self, api, client, logged, name, tmp_path, iris, classifier):
        info, run = logged
        mlflow.register_model(f"models:/{info.model_id}", name)
        uri = client.get_model_version_download_uri(name, "1")
        assert uri.startswith("mlflow-artifacts:/registry/")
        before = self.download(f"models:/{name}/1", tmp_path / "before")
        assert {"MLmodel", "model.skops", "model.pkl"} & {path.name for path in before}
        folder = f"{run.info.experiment_id}/models/{info.model_id}/artifacts"
        for path in before:
            api.put_artifact(f"{folder}/{path}", b"overwritten")
        assert self.download(f"models:/{name}/1", tmp_path / "overwritten") == before
        response = api.send("DELETE", f"{api.ARTIFACTS}/{folder}")
        assert response.status_code == 200, response.text
        client.delete_logged_model(info.model_id)
        client.delete_run(run.info.run_id)
        assert self.download(f"models:/{name}/1", tmp_path / "deleted") == before
        assert client.get_model_version_download_uri(name, "1") == uri
        loaded = mlflow.pyfunc.load_model(f"models:/{name}/1")
        assert numpy.array_equal(loaded.predict(iris[0]), classifier.predict(iris[0]))

    @pytest.mark.slipway_only
    def test_nobody_writes_there(self, api, client, logged, name):
        info, _ = logged
        mlflow.register_model(f"models:/{info.model_id}", name)
        folder = client.get_model_version_download_uri(name, "1").removeprefix("mlflow-artifacts:/")
        denied = [
            api.send("PUT", f"{api.ARTIFACTS}/{folder}/MLmodel", data=b"x"),
            api.send("PUT", f"{api.ARTIFACTS}/{folder}/new", data=b"x"),
            api.send("DELETE", f"{api.ARTIFACTS}/{folder}/MLmodel"),
            api.send("DELETE", f"{api.ARTIFACTS}/registry"),
            api.send("POST", f"/api/2.0/mlflow-artifacts/mpu/create/{folder}", {"path": "MLmodel", "num_parts": 1}),
        ]
        for response in denied:
            refusal(response, "PERMISSION_DENIED")
        api.refused(INVALID, "POST", "experiments/create", {"name": unique("exp"), "artifact_location": f"mlflow-artifacts:/{folder}"})

    @pytest.mark.slipway_only
    def test_one_file_of_a_version(self, api, logged, name):
        info, _ = logged
        mlflow.register_model(f"models:/{info.model_id}", name)
        response = api.send("GET", "/model-versions/get-artifact", query={"name": name, "version": "1", "path": "MLmodel"})
        assert b"sklearn" in response.content
        assert response.headers["Content-Disposition"].startswith("attachment")


class TestLoading:
    """By every form of address."""

    def test_load(self, client, logged, name, iris, classifier, tmp_path):
        info, run = logged
        mlflow.register_model(f"models:/{info.model_id}", name)
        client.set_registered_model_alias(name, "champion", "1")
        client.transition_model_version_stage(name, "1", "Production")
        expected = classifier.predict(iris[0])
        for uri in (
            f"models:/{name}/1", f"models:/{name}@champion", f"models:/{name}/Production", f"models:/{name}/production", f"models:/{name}/latest",
            f"models:/{info.model_id}", f"runs:/{run.info.run_id}/clf",
        ):
            assert numpy.array_equal(mlflow.pyfunc.load_model(uri).predict(iris[0]), expected), uri
            assert numpy.array_equal(mlflow.sklearn.load_model(uri).predict(iris[0]), expected), uri
        assert mlflow.models.get_model_info(f"models:/{name}@champion").signature is not None

    def test_latest_is_the_highest(self, client, model, version):
        for _ in range(3):
            version()
        client.transition_model_version_stage(model, "3", "Archived")
        assert client.get_model_version_by_alias(model, "latest").version == "3"

    def test_what_is_not_there(self, client, model, version):
        version()
        for uri, code in ((f"models:/{model}/99", ABSENT), (f"models:/{model}@absent", INVALID), (f"models:/{unique('absent')}/1", ABSENT)):
            with refused(code):
                mlflow.pyfunc.load_model(uri)
        with pytest.raises(MlflowException, match="No versions of model"):
            mlflow.pyfunc.load_model(f"models:/{model}/Staging")


class TestModels:
    def test_create_and_get(self, client, model):
        got = client.get_registered_model(model)
        assert isinstance(got, RegisteredModel)
        assert (got.name, got.description, got.tags) == (model, "D", {"team": "a"})
        assert (got.latest_versions, got.aliases) == ([], {})
        assert got.creation_timestamp == got.last_updated_timestamp > 0
        with refused(EXISTS):
            client.create_registered_model(model)

    @pytest.mark.parametrize("bad", ["", " ", "a/b", "a:b", "../x"])
    def test_bad_names(self, client, bad):
        with refused(INVALID):
            client.create_registered_model(bad)

    @pytest.mark.parametrize("odd", ["with space", "è 模型 🚀", "m-" + "0" * 32, "1", "a@b", "it's", 'a"b', "50%", "a#b?c&d=e+f", "latest"])
    def test_odd_names(self, client, odd, iris):
        odd = f"{odd} {unique('')}"
        client.create_registered_model(odd)
        client.create_model_version(odd, "s3://bucket/x")
        client.set_registered_model_alias(odd, "champion", "1")
        assert client.get_model_version_by_alias(odd, "champion").name == odd
        assert client.get_registered_model(odd).latest_versions[0].version == "1"
        assert client.get_model_version(odd, "1").name == odd
        if "'" not in odd:
            assert [m.name for m in client.search_registered_models(f"name = '{odd}'")] == [odd]

    def test_description_and_tags(self, client, model):
        client.update_registered_model(model, "new")
        assert client.get_registered_model(model).description == "new"
        client.set_registered_model_tag(model, "team", "b")
        client.set_registered_model_tag(model, "n", 1)
        assert client.get_registered_model(model).tags == {"team": "b", "n": "1"}
        client.delete_registered_model_tag(model, "n")
        client.delete_registered_model_tag(model, "n")
        assert client.get_registered_model(model).tags == {"team": "b"}
        with refused(ABSENT):
            client.set_registered_model_tag(unique("absent"), "k", "v")

    @pytest.mark.slipway_only
    def test_an_update_without_a_description_leaves_it(self, api, client, model, version):
        version(description="first")
        api.ok("PATCH", "registered-models/update", {"name": model})
        api.ok("PATCH", "model-versions/update", {"name": model, "version": "1"})
        assert client.get_registered_model(model).description == "D"
        assert client.get_model_version(model, "1").description == "first"
        client.update_registered_model(model, "")
        assert not client.get_registered_model(model).description

    def test_rename(self, client, model, version):
        version(tags={"k": "v"})
        client.set_registered_model_alias(model, "champion", "1")
        new = unique("renamed")
        client.rename_registered_model(model, new)
        got = client.get_model_version_by_alias(new, "champion")
        assert (got.name, got.tags) == (new, {"k": "v"})
        assert client.get_registered_model(new).tags == {"team": "a"}
        with refused(ABSENT):
            client.get_registered_model(model)
        client.create_registered_model(model)  # the old name is free
        with refused(EXISTS):
            client.rename_registered_model(new, model)

    def test_delete(self, client, model, version):
        version()
        client.delete_registered_model(model)
        for ask in (client.get_registered_model, client.delete_registered_model):
            with refused(ABSENT):
                ask(model)
        with refused(ABSENT):
            client.get_model_version(model, "1")
        assert client.search_model_versions(f"name = '{model}'") == []
        client.create_registered_model(model)
        assert client.get_registered_model(model).latest_versions == []
        assert version() == "1"


class TestVersions:
    def test_description_and_tags(self, client, model, version):
        version(tags={"a": "1"}, description="first")
        client.update_model_version(model, "1", "second")
        client.set_model_version_tag(model, "1", "b", "2")
        client.delete_model_version_tag(model, "1", "a")
        got = client.get_model_version(model, "1")
        assert (got.description, got.tags) == ("second", {"b": "2"})
        client.transition_model_version_stage(model, "1", "Staging")
        client.set_model_version_tag(model, key="c", value="3", stage="Staging")
        assert client.get_model_version(model, "1").tags == {"b": "2", "c": "3"}
        with refused(ABSENT):
            client.set_model_version_tag(model, "99", "b", "2")

    def test_changes_show_on_the_model(self, client, model, version):
        version()
        before = client.get_registered_model(model).last_updated_timestamp
        client.update_model_version(model, "1", "new")
        assert client.get_registered_model(model).last_updated_timestamp >= before
        assert client.get_model_version(model, "1").last_updated_timestamp >= before

    def test_delete(self, client, model, version):
        for _ in range(3):
            version()
        client.set_registered_model_alias(model, "champion", "3")
        client.delete_model_version(model, "3")
        with refused(ABSENT):
            client.get_model_version(model, "3")
        assert client.get_registered_model(model).aliases == {}
        assert [v.version for v in client.get_latest_versions(model)] == ["2"]
        with refused(ABSENT):
            client.delete_model_version(model, "3")

    @pytest.mark.slipway_only
    def test_numbers_are_never_given_out_again(self, client, model, version):
        assert [version(), version()] == ["1", "2"]
        client.delete_model_version(model, "2")
        assert version() == "3"

    def test_stages(self, client, model, version):
        for _ in range(3):
            version()
        client.transition_model_version_stage(model, "1", "production")
        client.transition_model_version_stage(model, "2", "Production")
        latest = {v.current_stage: v.version for v in client.get_latest_versions(model)}
        assert latest == {"None": "3", "Production": "2"}
        moved = client.transition_model_version_stage(model, "3", "Production", archive_existing_versions=True)
        assert moved.current_stage == "Production"
        stages = {v.version: v.current_stage for v in client.search_model_versions(f"name = '{model}'")}
        assert stages == {"1": "Archived", "2": "Archived", "3": "Production"}
        assert [v.version for v in client.get_latest_versions(model, ["Archived"])] == ["2"]
        with refused(INVALID):
            client.transition_model_version_stage(model, "1", "bogus")
        with refused(INVALID):
            client.get_latest_versions(model, ["bogus"])

    @pytest.mark.slipway_only
    def test_archiving_belongs_to_active_stages(self, api, model, version):
        version()
        for stage in ("None", "Archived"):
            body = {"name": model, "version": "1", "stage": stage, "archive_existing_versions": True}
            api.refused(INVALID, "POST", "model-versions/transition-stage", body)

    def test_aliases(self, client, model, version):
        version(), version()
        client.set_registered_model_alias(model, "champion", "1")
        client.set_registered_model_alias(model, "champion", 2)
        client.set_registered_model_alias(model, "Sieger_é-1", "1")
        assert client.get_registered_model(model).aliases == {"champion": "2", "Sieger_é-1": "1"}
        assert client.get_model_version(model, "2").aliases == ["champion"]
        assert client.get_model_version_by_alias(model, "champion").version == "2"
        client.delete_registered_model_alias(model, "champion")
        client.delete_registered_model_alias(model, "champion")
        with refused(INVALID):
            client.get_model_version_by_alias(model, "champion")
        with refused(ABSENT):
            client.set_registered_model_alias(model, "champion", "99")

    @pytest.mark.parametrize("alias", ["latest", "LATEST", "v1", "V12", "a b", "a/b", "a.b", "x" * 256])
    def test_bad_aliases(self, api, model, version, alias):
        version()
        api.refused(INVALID, "POST", "registered-models/alias", {"name": model, "alias": alias, "version": "1"})


class TestSearch:
    @pytest.fixture
    def models(self, client):
        """Three registered models with a common beginning of their names, which it returns."""
        prefix = unique("Search")
        for end, tags in (("a", {"team": "x"}), ("B", {"team": "y", "other": "1"}), ("c", {})):
            client.create_registered_model(f"{prefix}-{end}", tags=tags)
        return prefix

    @pytest.mark.parametrize("filter, ends", [
        ("name = '{p}-a'", "a"),
        ("name LIKE '{p}%' AND name != '{p}-a'", "Bc"),
        ("name LIKE '{p}-_'", "Bac"),
        ("name LIKE '{p}-b'", ""),
        ("name ILIKE '{p}-b'", "B"),
        ("name IN ('{p}-a', '{p}-c')", "ac"),
        ("name LIKE '{p}%' AND tags.team = 'x'", "a"),
        ("name LIKE '{p}%' AND tags.team != 'x'", "B"),
        ("name LIKE '{p}%' AND tag.`team` LIKE '_'", "Ba"),
        ("name LIKE '{p}%' AND tags.team ILIKE 'Y'", "B"),
        *(pytest.param(f, e, marks=pytest.mark.slipway_only) for f, e in [
            ("name LIKE '{p}%' AND tags.team IS NULL", "c"),
            ("name LIKE '{p}%' AND tags.team IS NOT NULL", "Ba"),
            ("name LIKE '{p}%' AND NOT tags.team = 'x'", "Bc"),
            ("name = '{p}-a' OR name = '{p}-c'", "ac"),
            ("name LIKE '{p}%' AND name NOT IN ('{p}-a')", "Bc"),
            ("name LIKE '{p}%' AND (tags.team = 'x' OR tags.other = '1') AND creation_timestamp > 0", "Ba"),
        ]),
    ])
    def test_models(self, client, models, filter, ends):
        found = client.search_registered_models(filter.replace("{p}", models))
        assert [m.name for m in found] == [f"{models}-{end}" for end in ends]

    def test_orders_and_pages_of_models(self, client, models):
        def names(order, size=1):
            out, token = [], None
            while True:
                page = client.search_registered_models(f"name LIKE '{models}%'", max_results=size, order_by=order, page_token=token)
                assert len(page) <= size
                out += [m.name.removeprefix(f"{models}-") for m in page]
                if not (token := page.token):
                    return "".join(out)

        assert names(["name"]) == names(None) == "Bac"
        assert names(["name DESC"], 2) == "caB"
        client.update_registered_model(f"{models}-a", "new")
        assert names(["last_updated_timestamp DESC"])[0] == "a"
        assert sorted(names(["timestamp ASC", "name ASC"])) == sorted("Bac")

    def test_search_shows_what_get_shows(self, client, model, version):
        version(tags={"k": "v"}), version()
        client.set_registered_model_alias(model, "champion", "1")
        client.transition_model_version_stage(model, "1", "Staging")
        [found] = client.search_registered_models(f"name = '{model}'")
        assert found.aliases == {"champion": "1"}
        assert {(v.version, v.current_stage) for v in found.latest_versions} == {("1", "Staging"), ("2", "None")}
        assert found.tags == client.get_registered_model(model).tags

    @pytest.mark.parametrize("filter, numbers", [
        ("name = '{n}'", "321"),
        ("name = '{n}' AND version_number = 1", "1"),
        ("name = '{n}' AND version_number = '1'", "1"),
        ("name = '{n}' AND version_number != 1", "32"),
        ("name = '{n}' AND version_number > 1 AND version_number < 3", "2"),
        ("name = '{n}' AND version_number >= 2", "32"),
        ("name = '{n}' AND version_number <= 2", "21"),
        ("run_id = '{r}'", "2"),
        ("name = '{n}' AND run_id != '{r}'", "31"),
        ("run_id IN ('{r}', 'x')", "2"),
        ("name = '{n}' AND source_path = 's3://bucket/1'", "1"),
        ("name = '{n}' AND source_path != 's3://bucket/1'", "32"),
        ("name = '{n}' AND source_path LIKE 's3://%/3'", "3"),
        ("name = '{n}' AND source_path ILIKE 'S3://%/3'", "3"),
        ("name ILIKE '{n}' AND tags.k = 'v'", "3"),
        ("name = '{n}' AND tags.k LIKE '%'", "3"),
        ("name IN ('{n}')", "321"),
        *(pytest.param(f, e, marks=pytest.mark.slipway_only) for f, e in [
            ("name = '{n}' AND tags.k IS NULL", "21"),
            ("name = '{n}' AND (version_number = 1 OR run_id = '{r}')", "21"),
            ("name = '{n}' AND NOT version_number = 1", "32"),
            ("name = '{n}' AND creation_timestamp > 0 AND last_updated_timestamp > 0", "321"),
        ]),
    ])
    def test_versions(self, client, model, version, run, filter, numbers):
        version("s3://bucket/1"), version("s3://bucket/2", run_id=run), version("s3://bucket/3", tags={"k": "v"})
        filter = filter.replace("{n}", model).replace("{r}", run)
        found = client.search_model_versions(filter, order_by=["version_number DESC"])
        assert "".join(v.version for v in found) == numbers

    def test_orders_and_pages_of_versions(self, client, model, version):
        for _ in range(4):
            version()
        client.update_model_version(model, "2", "new")
        filter = f"name = '{model}'"

        def numbers(order, size=1):
            out, token = "", None
            while True:
                page = client.search_model_versions(filter, max_results=size, order_by=order, page_token=token)
                out += "".join(v.version for v in page)
                if not (token := page.token):
                    return out

        assert numbers(None)[0] == "2"  # what changed last
        assert numbers(["version_number ASC"]) == "1234"
        assert numbers(["name", "version_number DESC"], 3) == "4321"
        assert sorted(numbers(["creation_timestamp DESC"])) == sorted("1234")
        assert numbers(["last_updated_timestamp DESC"])[0] == "2"

    @pytest.mark.parametrize("filter", ["bogus = 'x'", "description = 'x'", "name > 'x'", "tags.a IN ('b')", "name =", "name = x", "aliases = 'a'"])
    def test_bad_filters(self, api, filter):
        for path in ("registered-models/search", "model-versions/search"):
            api.refused(INVALID, "GET", path, query={"filter": filter})

    @pytest.mark.slipway_only
    def test_bad_limits(self, api):
        for path, most in (("registered-models/search", 1000), ("model-versions/search", 200_000)):
            for size in (0, -1, most + 1, "x"):
                api.refused(INVALID, "GET", path, query={"max_results": size})


def wait_for_links():
    """The client links prompts to runs and experiments in threads that nobody waits for."""
    for thread in threading.enumerate():
        if thread.name.startswith("link_prompt"):
            thread.join()


class TestPrompts:
    @pytest.fixture(autouse=True)
    def links(self):
        yield
        wait_for_links()

    @pytest.fixture
    def prompt(self):
        """The name of a prompt with two versions, a text and a chat."""
        name = unique("prompt")
        mlflow.genai.register_prompt(name, "Hello {{name}}", commit_message="first", tags={"author": "me"})
        mlflow.genai.register_prompt(name, [{"role": "user", "content": "Hi {{name}}"}], commit_message="second")
        return name

    def test_load(self, prompt):
        first = mlflow.genai.load_prompt(f"prompts:/{prompt}/1")
        assert (first.template, first.version, first.commit_message) == ("Hello {{name}}", 1, "first")
        assert first.format(name="you") == "Hello you"
        assert first.tags["author"] == "me"
        assert mlflow.genai.load_prompt(prompt, version=2).template == [{"role": "user", "content": "Hi {{name}}"}]
        assert mlflow.genai.load_prompt(f"prompts:/{prompt}@latest").version == 2
        assert mlflow.genai.load_prompt(f"prompts:/{prompt}/3", allow_missing=True) is None

    def test_aliases(self, prompt):
        mlflow.genai.set_prompt_alias(prompt, "production", 1)
        assert mlflow.genai.load_prompt(f"prompts:/{prompt}@production").version == 1
        mlflow.genai.set_prompt_alias(prompt, "production", 2)
        assert mlflow.genai.load_prompt(f"prompts:/{prompt}@production", cache_ttl_seconds=0).version == 2
        mlflow.genai.delete_prompt_alias(prompt, "production")
        with pytest.raises(MlflowException):
            mlflow.genai.load_prompt(f"prompts:/{prompt}@production", cache_ttl_seconds=0)

    def test_tags(self, client, prompt):
        mlflow.genai.set_prompt_tag(prompt, "team", "a")
        assert mlflow.genai.get_prompt_tags(prompt)["team"] == "a"
        mlflow.genai.delete_prompt_tag(prompt, "team")
        assert "team" not in mlflow.genai.get_prompt_tags(prompt)
        mlflow.genai.set_prompt_version_tag(prompt, 1, "k", "v")
        assert mlflow.genai.load_prompt(prompt, version=1, cache_ttl_seconds=0).tags["k"] == "v"
        mlflow.genai.delete_prompt_version_tag(prompt, 1, "k")

    def test_search(self, client, prompt):
        [found] = mlflow.genai.search_prompts(filter_string=f"name = '{prompt}'")
        assert (found.name, found.description) == (prompt, "first")
        assert [p.name for p in mlflow.genai.search_prompts(filter_string=f"name LIKE '{prompt}%'")] == [prompt]
        assert [int(v.version) for v in client.search_prompt_versions(prompt)] in ([2, 1], [1, 2])

    def test_they_stay_out_of_the_searches_for_models(self, client, prompt, model, version):
        version()
        filter = f"name IN ('{prompt}', '{model}')"
        assert [m.name for m in client.search_registered_models(filter)] == [model]
        assert [v.name for v in client.search_model_versions(filter)] == [model]
        for value, expected in (("= 'true'", [prompt]), ("!= 'true'", [model]), ("= 'false'", [model])):
            found = client.search_registered_models(f"{filter} AND tags.`mlflow.prompt.is_prompt` {value}")
            assert [m.name for m in found] == expected, value
        assert mlflow.genai.search_prompts(filter_string=f"name = '{model}'") == []

    def test_in_a_run(self, api, client, experiment):
        name = unique("prompt")
        with mlflow.start_run() as run:
            mlflow.genai.register_prompt(name, "Hello")
            mlflow.genai.load_prompt(f"prompts:/{name}/1", cache_ttl_seconds=0)
        wait_for_links()
        linked = client.get_run(run.info.run_id).data.tags["mlflow.linkedPrompts"]
        assert json.loads(linked) == [{"name": name, "version": "1"}]
        tags = api.ok("GET", "registered-models/get", query={"name": name})["registered_model"]["tags"]
        assert {"key": "_mlflow_experiment_ids", "value": f",{experiment},"} in tags

    @pytest.mark.slipway_only
    def test_a_prompt_is_no_model(self, client, prompt, model):
        with pytest.raises(MlflowException):
            mlflow.genai.register_prompt(model, "text")
        with pytest.raises(MlflowException):
            client.create_model_version(prompt, "s3://bucket/x")

    def test_delete(self, client, prompt):
        client.delete_prompt_version(prompt, "1")
        assert mlflow.genai.load_prompt(f"prompts:/{prompt}/1", allow_missing=True, cache_ttl_seconds=0) is None
        client.delete_prompt_version(prompt, "2")
        client.delete_prompt(prompt)
        assert mlflow.genai.search_prompts(filter_string=f"name = '{prompt}'") == []

    @pytest.mark.parametrize("text", ["x", "x" * 99_000, "{{a}} è 模型 🚀 \\ \" '"])
    def test_texts(self, text):
        name = unique("prompt")
        mlflow.genai.register_prompt(name, text)
        assert mlflow.genai.load_prompt(name, version=1).template == text
