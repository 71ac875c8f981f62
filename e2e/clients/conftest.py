"""The server under test, and clients for it.

SLIPWAY_URL    base URL of a running server, or
SLIPWAY_BIN    a slipway binary; the suite then starts it on a free port with a fresh data folder
SLIPWAY_TEST_DB  database URL for that binary (its default otherwise)
SLIPWAY_TOKEN  bearer token, if the server wants one
UPSTREAM=1     the server is MLflow's own: tests marked slipway_only are skipped
"""

import os
import socket
import subprocess
import time

import mlflow
import pytest
import requests

from api import Api

START_SECONDS = 30


def pytest_collection_modifyitems(items):
    if os.environ.get("UPSTREAM") != "1":
        return
    skip = pytest.mark.skip(reason="slipway_only")
    for item in items:
        if item.get_closest_marker("slipway_only"):
            item.add_marker(skip)


@pytest.fixture(scope="session")
def server_url(tmp_path_factory):
    if url := os.environ.get("SLIPWAY_URL"):
        yield url.rstrip("/")
    elif binary := os.environ.get("SLIPWAY_BIN"):
        with _serve(binary, tmp_path_factory.mktemp("server")) as url:
            yield url
    else:
        pytest.exit("set SLIPWAY_URL or SLIPWAY_BIN", returncode=4)


@pytest.fixture(scope="session")
def api(server_url):
    return Api(server_url, os.environ.get("SLIPWAY_TOKEN"))


@pytest.fixture(scope="session", autouse=True)
def mlflow_settings(server_url):
    """Points the MLflow client at the server, without retries: an answer of 500 must fail at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        patch.setenv("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        patch.setenv("MPLBACKEND", "Agg")
        if token := os.environ.get("SLIPWAY_TOKEN"):
            patch.setenv("MLFLOW_TRACKING_TOKEN", token)
        # Working out what a model imports takes a process and seconds each time, and asks no server.
        patch.setattr(mlflow.models, "infer_pip_requirements", lambda *_, fallback=None, **__: fallback)
        mlflow.set_tracking_uri(server_url)
        yield


@pytest.fixture
def client(server_url):
    return mlflow.MlflowClient(tracking_uri=server_url)


@pytest.fixture
def experiment(api):
    """The id of a fresh experiment, which is also the active one."""
    experiment_id = api.new_experiment()
    mlflow.set_experiment(experiment_id=experiment_id)
    yield experiment_id
    while mlflow.active_run():
        mlflow.end_run()


@pytest.fixture
def run(api, experiment):
    """The id of a fresh run in the fresh experiment."""
    return api.new_run(experiment)


class _serve:
    """Runs a slipway binary for as long as the block lasts."""

    def __init__(self, binary, folder):
        self.binary, self.folder = binary, folder

    def __enter__(self):
        address = f"127.0.0.1:{_free_port()}"
        command = [self.binary, "serve", "--addr", address, "--data", str(self.folder / "data")]
        if database := os.environ.get("SLIPWAY_TEST_DB"):
            command += ["--db", database]
        self.log = open(self.folder / "server.log", "wb")
        # What steers these tests is no setting of the server, and it refuses settings that it does not know.
        settings = {k: v for k, v in os.environ.items() if not k.startswith("SLIPWAY_")}
        self.process = subprocess.Popen(command, stdout=self.log, stderr=subprocess.STDOUT, env=settings)
        self._wait_until_healthy(f"http://{address}/health")
        return f"http://{address}"

    def _wait_until_healthy(self, url):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                if requests.get(url, timeout=1).text.strip() == "OK":
                    return
            except requests.RequestException:
                pass
            try:
                self.process.wait(timeout=0.1)
            except subprocess.TimeoutExpired:
                continue
            break
        self.__exit__()
        pytest.exit(f"server did not start: {(self.folder / 'server.log').read_text()}", returncode=1)

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.log.close()


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
