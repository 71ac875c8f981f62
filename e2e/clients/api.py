"""Plain HTTP access to the server under test, for what the MLflow client cannot say."""

import time
import uuid
from urllib.parse import urlsplit

import requests

TIMEOUT = 60


class Api:
    """Sends requests to one server. Short paths such as "runs/get" mean /api/2.0/mlflow/runs/get."""

    ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"

    def __init__(self, url, token=None):
        self.url = url.rstrip("/")
        self.session = requests.Session()
        if token:
            self.session.headers["Authorization"] = f"Bearer {token}"

    def send(self, method, path, body=None, query=None, **options):
        """The response to one request; body is sent as JSON, options go to requests."""
        if body is not None:
            options["json"] = body
        return self.session.request(
            method, self.url + _full(path), params=query, timeout=TIMEOUT, **options
        )

    def send_exactly(self, method, path, data=None, headers=None):
        """The response to a request whose path is not normalised by the HTTP library."""
        request = requests.Request(method, self.url + "/", data=data, headers=headers)
        prepared = self.session.prepare_request(request)
        prepared.url = self.url + path
        # A connection of its own: a server may close it after refusing a path.
        with requests.Session() as once:
            return once.send(prepared, timeout=TIMEOUT, allow_redirects=False)

    def get(self, path, **query):
        return self.send("GET", path, query=query)

    def post(self, path, **body):
        return self.send("POST", path, body=body)

    def ok(self, method, path, body=None, query=None, **options):
        """The JSON answer of a request that must succeed."""
        response = self.send(method, path, body, query, **options)
        assert response.status_code == 200, f"{method} {path}: {response.status_code} {response.text}"
        return response.json()

    def refused(self, code, method, path, body=None, query=None, **options):
        """The message of a request that must be refused with this error code."""
        response = self.send(method, path, body, query, **options)
        return refusal(response, code)

    @property
    def address(self):
        parts = urlsplit(self.url)
        return parts.hostname, parts.port or 80

    def server_info(self):
        return self.ok("GET", "/api/3.0/mlflow/server-info")

    # The few things that most tests start from.

    def new_experiment(self, **fields):
        return self.ok("POST", "experiments/create", {"name": unique("exp"), **fields})["experiment_id"]

    def new_run(self, experiment_id, **fields):
        body = {"experiment_id": experiment_id, "start_time": now_ms(), **fields}
        return self.ok("POST", "runs/create", body)["run"]["info"]["run_id"]

    def new_model(self, experiment_id, **fields):
        body = {"experiment_id": experiment_id, **fields}
        return self.ok("POST", "logged-models", body)["model"]["info"]["model_id"]

    def run(self, run_id):
        return self.ok("GET", "runs/get", query={"run_id": run_id})["run"]

    def put_artifact(self, path, data):
        response = self.send("PUT", f"{self.ARTIFACTS}/{path}", data=data)
        assert response.status_code == 200, response.text


# Statuses of the error codes that these tests expect.
STATUS = {
    "BAD_REQUEST": 400,
    "INVALID_PARAMETER_VALUE": 400,
    "RESOURCE_ALREADY_EXISTS": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "ENDPOINT_NOT_FOUND": 404,
    "RESOURCE_DOES_NOT_EXIST": 404,
    "NOT_IMPLEMENTED": 501,
}


def refusal(response, code):
    """The message of an error answer, after checking its status, envelope and code."""
    error = envelope(response)
    assert error["error_code"] == code, response.text
    assert response.status_code == STATUS[code], response.text
    return error["message"]


def envelope(response):
    """The error object of an answer: {"error_code", "message"} and perhaps more."""
    where = f"{response.request.method} {response.request.url[:200]}: {response.status_code}"
    assert response.headers.get("Content-Type", "").startswith("application/json"), (
        f"{where} is {response.headers.get('Content-Type')}: {response.text[:300]}"
    )
    error = response.json()
    assert isinstance(error.get("error_code"), str), f"{where}: {response.text[:300]}"
    assert isinstance(error.get("message"), str), f"{where}: {response.text[:300]}"
    return error


def unique(prefix):
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


def now_ms():
    return int(time.time() * 1000)


def _full(path):
    return path if path.startswith("/") else f"/api/2.0/mlflow/{path}"
