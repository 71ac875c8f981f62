"""Bad input: never a 5xx, always MLflow's envelope, always quick."""

import json
import socket
import time
import zlib

import pytest
import requests

from api import envelope, refusal

INVALID = "INVALID_PARAMETER_VALUE"
MIB = 1024 * 1024
DEEP = 100_000
QUICK_SECONDS = 5

# Every POST route with a body that it accepts. Words in angle brackets are filled in.
EXPERIMENT, RUN, MODEL, NAME = "<experiment>", "<run>", "<model>", "<name>"
POINT = {"key": "m", "value": 1.5, "timestamp": 1, "step": 0, "model_id": MODEL, "dataset_name": "d", "dataset_digest": "1"}
TAG = {"key": "k", "value": "v"}
DATASET = {"name": "d", "digest": "1", "source_type": "local", "source": "{}", "schema": "{}", "profile": "{}"}
BODIES = {
    "experiments/create": {"name": NAME, "artifact_location": "mlflow-artifacts:/x", "tags": [TAG]},
    "experiments/search": {"view_type": "ALL", "max_results": 5, "filter": "name = 'x'", "order_by": ["name"], "page_token": ""},
    "experiments/update": {"experiment_id": EXPERIMENT, "new_name": NAME},
    "experiments/delete": {"experiment_id": EXPERIMENT},
    "experiments/restore": {"experiment_id": EXPERIMENT},
    "experiments/set-experiment-tag": {"experiment_id": EXPERIMENT, "key": "k", "value": "v"},
    "experiments/delete-experiment-tag": {"experiment_id": EXPERIMENT, "key": "k"},
    "runs/create": {"experiment_id": EXPERIMENT, "start_time": 1, "run_name": "n", "user_id": "u", "tags": [TAG]},
    "runs/update": {"run_id": RUN, "status": "RUNNING", "end_time": 5, "run_name": "n"},
    "runs/delete": {"run_id": RUN},
    "runs/restore": {"run_id": RUN},
    "runs/set-tag": {"run_id": RUN, **TAG},
    "runs/delete-tag": {"run_id": RUN, "key": "k"},
    "runs/log-parameter": {"run_id": RUN, **TAG},
    "runs/log-metric": {"run_id": RUN, **POINT},
    "runs/log-batch": {"run_id": RUN, "metrics": [POINT], "params": [TAG], "tags": [TAG]},
    "runs/log-inputs": {"run_id": RUN, "datasets": [{"dataset": DATASET, "tags": [TAG]}], "models": [{"model_id": MODEL}]},
    "runs/outputs": {"run_id": RUN, "models": [{"model_id": MODEL, "step": 1}]},
    "runs/log-model": {"run_id": RUN, "model_json": "{}"},
    "runs/search": {
        "experiment_ids": [EXPERIMENT], "filter": "metrics.m > 1", "run_view_type": "ALL", "max_results": 5,
        "order_by": ["metrics.m"], "page_token": "",
    },
    "logged-models": {
        "experiment_id": EXPERIMENT, "name": "n", "model_type": "t", "source_run_id": RUN, "params": [TAG], "tags": [TAG],
    },
    "logged-models/search": {
        "experiment_ids": [EXPERIMENT], "filter": "name = 'x'", "max_results": 5, "page_token": "",
        "order_by": [{"field_name": "name", "ascending": True, "dataset_name": "d", "dataset_digest": "1"}],
        "datasets": [{"dataset_name": "d", "dataset_digest": "1"}],
    },
    "logged-models/<model>/params": {"model_id": MODEL, "params": [TAG]},
    "artifacts/presigned-upload-url": {"run_id": RUN, "path": "x", "expiration": 5},
    "artifacts/presigned-download-url": {"run_id": RUN, "path": "x", "expiration": 5},
    "/ajax-api/2.0/mlflow/experiments/search-datasets": {"experiment_ids": [EXPERIMENT]},
    "/api/2.0/mlflow-artifacts/mpu/create/<experiment>/<run>/artifacts": {"path": "x", "num_parts": 1},
    "/api/2.0/mlflow-artifacts/mpu/complete/<experiment>/<run>/artifacts": {
        "path": "x", "upload_id": "u", "parts": [{"part_number": 1, "etag": "e", "url": "u"}],
    },
    "/api/2.0/mlflow-artifacts/mpu/abort/<experiment>/<run>/artifacts": {"path": "x", "upload_id": "u"},
}
WRONG = [None, True, 5, -1, 1.5, 1e400, 2**63, 2**200, "", "x", "\0", "\ud800", "x" * 10_000, [], [[]], [None], {}, {"a": 1}]


@pytest.fixture
def fill(experiment, run, api):
    """A function that puts fresh ids into a body or path of BODIES."""
    model = api.new_model(experiment)

    def filled(value):
        text = json.dumps(value) if not isinstance(value, str) else value
        for word, real in [(EXPERIMENT, experiment), (RUN, run), (MODEL, model), (NAME, f"name-{run}")]:
            text = text.replace(word, real)
        return text

    return filled


def post_text(api, path, text, **headers):
    """The response to a body that is sent exactly as it is."""
    data = text if isinstance(text, bytes) else text.encode()
    return api.send("POST", path, data=data, headers={"Content-Type": "application/json", **headers})


def assert_no_fault_of_the_server(response, note=""):
    """A success, or a refusal with the envelope and a 4xx status (or 501 for what is not supported)."""
    if response.status_code != 200:
        assert response.status_code < 500 or response.status_code == 501, f"{note}: {response.status_code} {response.text[:300]}"
        envelope(response)


def places(value, path=()):
    """The path of every field and list element inside a body."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from places(item, (*path, key))


def changed(body, path, value):
    """A copy of the body with another value at the path."""
    copy = json.loads(json.dumps(body))
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return copy


@pytest.mark.slipway_only
class TestEveryPostRoute:
    @pytest.fixture(params=BODIES, ids=lambda path: path.removeprefix("/api/2.0/").removeprefix("/ajax-api/2.0/mlflow/"))
    def route(self, request):
        return request.param

    def test_wrong_type_in_every_field(self, api, fill, route):
        path = fill(route)
        for place in places(BODIES[route]):
            for value in WRONG:
                text = fill(changed(BODIES[route], place, value))
                assert_no_fault_of_the_server(post_text(api, path, text), f"{place} = {value!r:.40}")

    @pytest.mark.parametrize("text", [
        b"", b"[]", b"1", b"-", b"null", b"true", b'"x"', b'"{}"', b"[{}]", b"{", b'{"a"', b'{"run_id": "x', b"{}{}", b"{'a': 1}",
        b"\xff\xfe", b'{"run_id": "\xff"}', b'{"run_id": "\\ud800"}', b'{"run_id": "a\\u0000b"}', b"\0", b'{"a": NaN}', b"\xef\xbb\xbf{}",
        b'{"a": 1' + b"0" * 10_000 + b"}", b'{"a": 1e999999}',
    ], ids=lambda text: repr(text[:20]))
    def test_unusable_body(self, api, fill, route, text):
        response = post_text(api, fill(route), text)
        assert_no_fault_of_the_server(response)

    @pytest.mark.parametrize("text", [b"[]", b"1", b'{"a"', b"\xff\xfe"], ids=repr)
    def test_unusable_body_is_refused_where_a_field_is_required(self, api, fill, route, text):
        if route in ("runs/create", "runs/search", "experiments/search"):
            pytest.skip("MLflow treats an unusable body as an empty one, and these may have none")
        response = post_text(api, fill(route), text)
        # Where nothing is supported, that may be said first.
        assert response.status_code == 501 or refusal(response, INVALID)

    @pytest.mark.parametrize("opening, closing", [("[", "]"), ('{"a":', "}")])
    def test_deep_body(self, api, fill, route, opening, closing):
        start = time.monotonic()
        assert_no_fault_of_the_server(post_text(api, fill(route), opening * DEEP + "1" + closing * DEEP))
        assert_no_fault_of_the_server(post_text(api, fill(route), opening * DEEP))
        assert time.monotonic() - start < QUICK_SECONDS

    def test_one_field_in_two_spellings(self, api, fill, route):
        body = json.loads(fill(BODIES[route]))
        for name in [name for name in body if "_" in name]:
            head, *rest = name.split("_")
            camel = head + "".join(word.title() for word in rest)
            response = post_text(api, fill(route), json.dumps({**body, camel: body[name]}))
            assert response.status_code == 501 or refusal(response, INVALID), name

    @pytest.mark.parametrize("kind", ["text/plain", "application/xml", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "x", ""])
    def test_other_content_type(self, api, fill, route, kind):
        response = api.send("POST", fill(route), data=b"{}", headers={"Content-Type": kind})
        assert response.status_code == 501 or refusal(response, INVALID)

    def test_camel_case_and_charset_are_fine(self, api, fill):
        text = fill({"experimentIds": [EXPERIMENT], "maxResults": 5, "unknown": 1})
        response = post_text(api, "runs/search", text, **{"Content-Type": "application/json; charset=utf-8"})
        assert len(response.json()["runs"]) == 1

    def test_double_encoded_body_is_fine(self, api, fill):
        response = post_text(api, "runs/search", json.dumps(fill({"experiment_ids": [EXPERIMENT]})))
        assert len(response.json()["runs"]) == 1

    def test_the_method_must_fit(self, api, fill, route):
        # GET experiments/search exists; PUT is served for artifacts only.
        response = api.send("PUT", fill(route), {})
        assert response.status_code in (404, 405)
        envelope(response)


class TestQueries:
    @pytest.mark.parametrize("path, query", [
        ("runs/get", {}),
        ("runs/get", {"run_id": ""}),
        ("experiments/get", {}),
        ("experiments/get", {"experiment_id": "abc"}),
        ("experiments/get-by-name", {}),
        ("metrics/get-history", {}),
        ("metrics/get-history", {"run_id": "x"}),
        ("metrics/get-history", {"run_id": "x", "metric_key": "m", "max_results": "0"}),
        ("metrics/get-history", {"run_id": "x", "metric_key": "m", "max_results": "-5"}),
        ("metrics/get-history-bulk-interval", {"metric_key": "m"}),
        ("artifacts/list", {}),
        ("experiments/search", {}),
        ("experiments/search", {"max_results": "50001"}),
        *(pytest.param(path, query, marks=pytest.mark.slipway_only) for path, query in [
            ("experiments/search", {"max_results": "x"}),
            ("metrics/get-history", {"run_id": "x", "metric_key": "m", "max_results": "x"}),
            ("metrics/get-history-bulk-interval", {"run_ids": "x", "metric_key": "m", "start_step": "a", "end_step": "b"}),
            ("/ajax-api/2.0/mlflow/metrics/get-history-bulk", {"run_id": "x", "metric_key": "m", "max_results": "x"}),
            ("/get-artifact", {"path": "x"}),
            ("/get-artifact", {"run_id": "x"}),
        ]),
    ])
    def test_bad_query(self, api, path, query):
        response = api.send("GET", path, query=query)
        assert response.status_code in (400, 404), response.text
        assert envelope(response)["error_code"] in (INVALID, "RESOURCE_DOES_NOT_EXIST")

    @pytest.mark.slipway_only
    @pytest.mark.parametrize("value", ["%00", "%ff", "%ed%a0%80", "%", "%zz", "'; DROP TABLE runs; --", "x" * 5000, "..%2f.."])
    @pytest.mark.parametrize("path", [
        "runs/get?run_id=", "experiments/get?experiment_id=", "experiments/get-by-name?experiment_name=",
        "metrics/get-history?metric_key=m&run_id=", "metrics/get-history-bulk-interval?metric_key=m&run_ids=", "artifacts/list?run_id=",
    ])
    def test_hostile_ids(self, api, path, value):
        response = api.send_exactly("GET", f"/api/2.0/mlflow/{path}{value}".replace(" ", "%20"))
        assert_no_fault_of_the_server(response)

    @pytest.mark.slipway_only
    @pytest.mark.parametrize("model", ["%00", "%ff", "..", "%2e%2e", "m-" + "x" * 5000, "'", "m-%2f"])
    @pytest.mark.parametrize("rest", ["", "/artifacts/directories"])
    def test_hostile_model_ids(self, api, model, rest):
        response = api.send_exactly("GET", f"/api/2.0/mlflow/logged-models/{model}{rest}")
        assert 400 <= response.status_code < 500
        envelope(response)


class TestPageTokens:
    GARBAGE = ["garbage", "%%%", "eyJvZmZzZXQiOiAteH0=", "x" * 10_000]
    STRANGE = ["eyJvZmZzZXQiOiAtNX0=", "eyJvZmZzZXQiOiA5OTk5OTk5OTk5OTk5OTk5OTk5OTk5fQ==", "bnVsbA==", "W10=", "e30=", "\0", "é"]

    @pytest.mark.parametrize("token", [*GARBAGE, *(pytest.param(t, marks=pytest.mark.slipway_only) for t in STRANGE)])
    @pytest.mark.parametrize("path, body", [
        ("experiments/search", {"max_results": 1}),
        ("runs/search", {"experiment_ids": ["0"]}),
        pytest.param("logged-models/search", {"experiment_ids": ["0"]}, marks=pytest.mark.slipway_only),
    ])
    def test_in_searches(self, api, path, body, token):
        api.refused(INVALID, "POST", path, {**body, "page_token": token})

    @pytest.mark.parametrize("token", GARBAGE)
    def test_in_histories(self, api, run, token):
        query = {"run_id": run, "metric_key": "m", "max_results": 1, "page_token": token}
        api.refused(INVALID, "GET", "metrics/get-history", query=query)

    @pytest.mark.slipway_only
    def test_of_another_route(self, api, experiment):
        for _ in range(2):
            api.new_model(experiment)
        body = {"experiment_ids": [experiment], "max_results": 1}
        token = api.ok("POST", "logged-models/search", body)["next_page_token"]
        response = api.post("experiments/search", max_results=1, page_token=token)
        assert_no_fault_of_the_server(response)


@pytest.mark.slipway_only
class TestBombs:
    """Input that is small to send and dear to handle."""

    FILTERS = {
        "many clauses": " AND ".join(["metrics.m > 1"] * 20_000),
        "long key": "params.`" + "k" * 1_000_000 + "` = 'x'",
        "long value": "params.a = '" + "v" * 1_000_000 + "'",
        "long list": "run_id IN (" + ",".join(["'x'"] * 100_000) + ")",
        "many wildcards": "params.a LIKE '" + "%a" * 10_000 + "'",
        "parentheses": "(" * DEEP + "a = 'x'" + ")" * DEEP,
        "quotes": "'" * 99_999,
        "backticks": "`" * 99_999,
        "dots": "params" + "." * 99_999 + " = 'x'",
        "spaces": " " * 1_000_000,
        "comment": "params.a = 'x' /*" + "*" * 99_999,
        "huge number": "metrics.m > " + "9" * 10_000,
        "huge exponent": "metrics.m > 1e999999999",
        "nul": "params.a = '\0'",
    }

    @pytest.mark.parametrize("kind", FILTERS)
    @pytest.mark.parametrize("path", ["runs/search", "experiments/search", "logged-models/search"])
    def test_filters(self, api, experiment, kind, path):
        body = {"experiment_ids": [experiment], "max_results": 5, "filter": self.FILTERS[kind]}
        start = time.monotonic()
        response = api.send("POST", path, body)
        assert time.monotonic() - start < QUICK_SECONDS
        assert_no_fault_of_the_server(response)

    @pytest.mark.parametrize("clause", ["params.a = 'x'' OR ''1'' = ''1'", "params.a = 'x\\' OR 1 = 1 --'", "params.a LIKE 'x' -- '"])
    def test_injection(self, api, experiment, run, clause):
        api.ok("POST", "runs/log-parameter", {"run_id": run, "key": "a", "value": "1"})
        response = api.post("runs/search", experiment_ids=[experiment], filter=clause)
        assert_no_fault_of_the_server(response)
        assert "runs" not in response.json()

    @pytest.mark.parametrize("order", [["metrics.m"] * 10_000, [f"metrics.m{i}" for i in range(5_000)], ["x" * 1_000_000], ["`" * 9_999]])
    def test_orders(self, api, experiment, order):
        start = time.monotonic()
        refusal(api.post("runs/search", experiment_ids=[experiment], order_by=order), INVALID)
        assert time.monotonic() - start < QUICK_SECONDS

    def test_many_experiments(self, api):
        response = api.post("runs/search", experiment_ids=[str(i) for i in range(100_000)], max_results=1)
        assert_no_fault_of_the_server(response)

    def test_wildcards_against_a_long_value(self, api, experiment, run):
        api.ok("POST", "runs/log-parameter", {"run_id": run, "key": "a", "value": "a" * 6000})
        start = time.monotonic()
        body = {"experiment_ids": [experiment], "filter": "params.a LIKE '" + "%a" * 50 + "b'"}
        response = api.send("POST", "runs/search", body)
        assert time.monotonic() - start < QUICK_SECONDS
        assert response.status_code == 400 or response.json() == {}

    @pytest.fixture(scope="class")
    def bomb(self):
        """A gibibyte of spaces before a JSON object, compressed to a few megabytes."""
        packer = zlib.compressobj(level=1, wbits=31)  # 31: with gzip's header
        spaces = b" " * MIB
        return b"".join([*(packer.compress(spaces) for _ in range(1024)), packer.compress(b"{}"), packer.flush()])

    @pytest.mark.parametrize("path", ["runs/search", "runs/log-batch", "experiments/create"])
    def test_compressed_body(self, api, bomb, path):
        start = time.monotonic()
        response = post_text(api, path, bomb, **{"Content-Encoding": "gzip"})
        assert time.monotonic() - start < QUICK_SECONDS
        assert 400 <= response.status_code < 500
        envelope(response)

    @pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "x"])
    def test_body_that_is_not_what_its_encoding_says(self, api, encoding):
        response = post_text(api, "runs/log-batch", b'{"run_id": "x"}', **{"Content-Encoding": encoding})
        assert 400 <= response.status_code < 500
        envelope(response)


@pytest.mark.slipway_only
class TestLargeBodies:
    def test_declared_length_over_the_limit_is_refused_before_it_is_read(self, api):
        host = ":".join(map(str, api.address))
        head = (
            f"POST /api/2.0/mlflow/runs/log-batch HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {65 * MIB}\r\n"
        )
        for name, value in api.session.headers.items():
            if name == "Authorization":
                head += f"{name}: {value}\r\n"
        with socket.create_connection(api.address, timeout=QUICK_SECONDS) as connection:
            connection.sendall(f"{head}\r\n".encode())
            status = connection.recv(65536).split(b"\r\n")[0]
        assert status.startswith(b"HTTP/1.1 413"), status

    def test_undeclared_length_over_the_limit(self, api):
        chunks = (b" " * MIB for _ in range(70))
        headers = {"Content-Type": "application/json"}
        try:
            status = api.send("POST", "runs/log-batch", data=chunks, headers=headers).status_code
        except requests.ConnectionError:
            status = "hung up"  # The server need not wait for the rest of the body.
        assert status in (413, "hung up")

    def test_a_body_within_the_limit_is_read(self, api, run):
        text = json.dumps({"run_id": run, "ignored": "x" * (8 * MIB)})
        assert post_text(api, "runs/log-batch", text).status_code == 200


class TestLimits:
    @pytest.mark.parametrize("path, body", [
        ("experiments/create", {"name": "n" * 501}),
        ("experiments/create", {"name": NAME, "artifact_location": "s3://b/" + "x" * 2048}),
        ("experiments/create", {"name": NAME, "artifact_location": "runs:/x"}),
        ("experiments/create", {"name": NAME, "artifact_location": "s3://b/x#y"}),
        ("experiments/update", {"experiment_id": EXPERIMENT, "new_name": "n" * 501}),
        ("experiments/set-experiment-tag", {"experiment_id": EXPERIMENT, "key": "k" * 251, "value": "v"}),
        ("experiments/set-experiment-tag", {"experiment_id": EXPERIMENT, "key": "k", "value": "v" * 20_001}),
        ("runs/set-tag", {"run_id": RUN, "key": "k" * 251, "value": "v"}),
        ("runs/log-parameter", {"run_id": RUN, "key": "k" * 251, "value": "v"}),
        ("runs/log-metric", {"run_id": RUN, "key": "k" * 251, "value": 1, "timestamp": 1}),
        ("runs/log-metric", {"run_id": RUN, "key": "k", "value": 1, "timestamp": -1}),
        ("runs/log-batch", {"run_id": RUN, "metrics": [{"key": "k", "value": 1, "timestamp": 1}] * 1001}),
        ("runs/log-batch", {"run_id": RUN, "params": [{"key": f"k{i}", "value": "v"} for i in range(101)]}),
        ("runs/log-batch", {"run_id": RUN, "tags": [{"key": f"k{i}", "value": "v"} for i in range(101)]}),
        ("runs/log-batch", {"run_id": RUN, "metrics": [{"key": "k", "value": 1, "timestamp": 1}] * 1000, "tags": [TAG]}),
        ("runs/log-batch", {"run_id": RUN, "params": [{"key": "k" * 251, "value": "v"}]}),
        ("runs/log-inputs", {"run_id": RUN, "datasets": [{"dataset": {**DATASET, "name": "n" * 501}}]}),
        ("runs/log-inputs", {"run_id": RUN, "datasets": [{"dataset": {**DATASET, "digest": "d" * 37}}]}),
        ("runs/log-inputs", {"run_id": RUN, "datasets": [{"dataset": {**DATASET, "source": "s" * 65_536}}]}),
        ("runs/log-inputs", {"run_id": RUN, "datasets": [{"dataset": {**DATASET, "schema": "s" * 1_048_576}}]}),
        ("runs/log-inputs", {"run_id": RUN, "datasets": [{"dataset": {**DATASET, "profile": "s" * 16_777_216}}]}),
        ("runs/log-inputs", {"run_id": RUN, "datasets": [{"dataset": DATASET, "tags": [{"key": "k" * 256, "value": "v"}]}]}),
        ("runs/log-inputs", {"run_id": RUN, "datasets": [{"dataset": DATASET, "tags": [{"key": "k", "value": "v" * 501}]}]}),
        ("runs/search", {"experiment_ids": [EXPERIMENT], "max_results": 50_001}),
        ("runs/search", {"experiment_ids": [EXPERIMENT], "max_results": 0}),
        ("runs/search", {"experiment_ids": [EXPERIMENT], "max_results": -1}),
        ("experiments/search", {"max_results": 50_001}),
        ("experiments/search", {}),
        *(pytest.param(path, body, marks=pytest.mark.slipway_only) for path, body in [
            ("experiments/create", {"name": NAME, "artifact_location": "mlflow-artifacts:/a/../b"}),
            ("experiments/create", {"name": NAME, "artifact_location": "mlflow-artifacts:/a/%2e%2e/b"}),
            ("experiments/create", {"name": NAME, "tags": [{"key": "k" * 251, "value": "v"}]}),
            ("runs/create", {"experiment_id": EXPERIMENT, "tags": [{"key": "k" * 251, "value": "v"}]}),
            ("runs/create", {}),
            ("runs/log-metric", {"run_id": RUN, "key": "k", "value": 1, "timestamp": 1.5}),
            ("runs/log-metric", {"run_id": RUN, "key": "k", "value": 1, "timestamp": 1, "step": 1.5}),
            ("runs/log-metric", {"run_id": RUN, "key": "k", "value": 1, "timestamp": 2**63}),
            ("runs/log-metric", {"run_id": RUN, "key": "k", "value": [1], "timestamp": 1}),
            ("runs/log-inputs", {"run_id": RUN, "datasets": [{"dataset": DATASET}] * 1001}),
            ("runs/log-inputs", {"run_id": RUN, "models": [{"model_id": MODEL}] * 1001}),
            ("logged-models/search", {"experiment_ids": [EXPERIMENT], "max_results": -1}),
            ("logged-models", {"experiment_id": EXPERIMENT, "tags": [{"key": "k" * 251, "value": "v"}]}),
        ]),
    ])
    def test_over_the_limit(self, api, fill, path, body):
        refusal(post_text(api, path, fill(body)), INVALID)

    @pytest.mark.parametrize("path, body", [
        ("experiments/set-experiment-tag", {"experiment_id": EXPERIMENT, "key": "k" * 250, "value": "v" * 20_000}),
        ("runs/log-batch", {"run_id": RUN, "metrics": [{"key": "k", "value": i, "timestamp": 1} for i in range(1000)]}),
        ("runs/log-batch", {"run_id": RUN, "params": [{"key": f"k{i}", "value": "v"} for i in range(100)]}),
        ("runs/log-batch", {"run_id": RUN}),
        ("runs/log-inputs", {"run_id": RUN, "datasets": [{"dataset": {**DATASET, "name": "n" * 500, "digest": "d" * 36}}]}),
        ("runs/search", {"experiment_ids": [EXPERIMENT], "max_results": 50_000}),
        ("experiments/search", {"max_results": 50_000, "filter": "name = 'x'"}),
    ])
    def test_at_the_limit(self, api, fill, path, body):
        assert post_text(api, path, fill(body)).status_code == 200
