"""The recorded exchanges: how to ask each question again, and where Slipway answers it differently.

A case names its file in ../recorded. Words in braces are properties of world.World. `instead`
lists the (status, error_code) pairs with which Slipway may answer where MLflow's own answer is a
defect (a 500, an HTML page, a leaked SQL statement, or silent acceptance of nonsense), or where
Slipway offers more: OR in filters.
"""

from dataclasses import dataclass, field

INVALID = (400, "INVALID_PARAMETER_VALUE")
EXISTS = (400, "RESOURCE_ALREADY_EXISTS")
ABSENT = (404, "RESOURCE_DOES_NOT_EXIST")
UNKNOWN_ROUTE = (404, "ENDPOINT_NOT_FOUND")
UNSUPPORTED = (501, "NOT_IMPLEMENTED")
SUCCESS = (200, None)


@dataclass
class Case:
    file: str
    method: str
    path: str
    body: object = None
    query: dict | None = None
    data: bytes | None = None
    headers: dict = field(default_factory=dict)
    instead: tuple = ()
    # Copied from traffic of the MLflow client; record.py leaves the file alone.
    of_client: bool = False
    # Needs a server that cannot take multipart uploads.
    without_multipart: bool = False


def get(file, path, instead=(), /, **query):
    return Case(file, "GET", path, query=query, instead=instead)


def post(file, path, instead=(), /, **body):
    return Case(file, "POST", path, body, instead=instead)


def of_client(case):
    case.of_client = True
    return case


AJAX = "/ajax-api/2.0/mlflow"
STORE = "/api/2.0/mlflow-artifacts"
POINT = {"key": "loss", "value": 0.5, "timestamp": 1, "step": 0}
DATASET = {"name": "dataset", "digest": "00cf16ce", "source_type": "code", "source": "{}"}
MODEL_INFO = '{"artifact_path":"m","flavors":{"a":{"b":1}},"utc_time_created":"2026-01-01 00:00:00.0","run_id":"{bare_run}"}'

CONNECTING = [
    of_client(get("GET_v3_server-info", "/api/3.0/mlflow/server-info")),
    get("GET_health", "/health"),
    get("GET_version", "/version"),
    get("GET_v3_server-info_ajax", "/ajax-api/3.0/mlflow/server-info"),
    get("GET_v2_unknown-route_404", "no-such-route", [UNKNOWN_ROUTE]),
]

EXPERIMENTS = [
    of_client(post("POST_v2_experiments_create", "experiments/create", name="{name}")),
    of_client(get("GET_v2_experiments_get", "experiments/get", experiment_id="{experiment}")),
    get("GET_v2_experiments_get_tags", "experiments/get", experiment_id="{experiment}"),
    of_client(get("GET_v2_experiments_get-by-name", "experiments/get-by-name", experiment_name="{name_of_experiment}")),
    of_client(get("GET_v2_experiments_get-by-name_404", "experiments/get-by-name", experiment_name="{name}")),
    of_client(post("POST_v2_experiments_search", "experiments/search", max_results=1000, filter="name = 'Default'")),
    of_client(post("POST_v2_experiments_set-experiment-tag", "experiments/set-experiment-tag", experiment_id="{experiment}", key="k", value="v")),
    post("POST_v2_experiments_create_tags", "experiments/create", name="{name}", tags=[{"key": "a", "value": "b"}]),
    post("POST_v2_experiments_create_400_exists", "experiments/create", name="Default"),
    post("POST_v2_experiments_create_400_no-name", "experiments/create"),
    post("POST_v2_experiments_create_400_type", "experiments/create", name=5),
    post("POST_v2_experiments_create_400_long-name", "experiments/create", name="n" * 501),
    post("POST_v2_experiments_create_400_fragment", "experiments/create", name="{name}", artifact_location="s3://b/x#y"),
    post("POST_v2_experiments_create_400_runs-uri", "experiments/create", name="{name}", artifact_location="runs:/x"),
    get("GET_v2_experiments_get_404", "experiments/get", experiment_id="{missing_experiment}"),
    get("GET_v2_experiments_get_400_no-id", "experiments/get"),
    get("GET_v2_experiments_get_deleted", "experiments/get", experiment_id="{deleted_experiment}"),
    get("GET_v2_experiments_search", "experiments/search", max_results=1, view_type="ALL"),
    post("POST_v2_experiments_search_400_no-max", "experiments/search"),
    post("POST_v2_experiments_search_400_max", "experiments/search", max_results=50001),
    post("POST_v2_experiments_search_400_token", "experiments/search", max_results=1, page_token="garbage"),
    post("POST_v2_experiments_search_400_filter", "experiments/search", max_results=1, filter="bogus = 'x'"),
    post("POST_v2_experiments_search_400_order", "experiments/search", max_results=1, order_by=["bogus"]),
    post("POST_v2_experiments_update", "experiments/update", experiment_id="{experiment}", new_name="{name}"),
    post("POST_v2_experiments_update_400_exists", "experiments/update", [EXISTS, INVALID], experiment_id="{experiment}", new_name="Default"),
    post("POST_v2_experiments_update_400_no-name", "experiments/update", experiment_id="{experiment}"),
    post("POST_v2_experiments_update_404", "experiments/update", experiment_id="{missing_experiment}", new_name="{name}"),
    post("POST_v2_experiments_update_500_deleted", "experiments/update", [INVALID], experiment_id="{deleted_experiment}", new_name="{name}"),
    post("POST_v2_experiments_delete", "experiments/delete", experiment_id="{experiment}"),
    post("POST_v2_experiments_delete_404_twice", "experiments/delete", experiment_id="{deleted_experiment}"),
    post("POST_v2_experiments_restore", "experiments/restore", experiment_id="{deleted_experiment}"),
    post("POST_v2_experiments_restore_404_active", "experiments/restore", experiment_id="{experiment}"),
    post("POST_v2_experiments_set-experiment-tag_400_long-key", "experiments/set-experiment-tag", experiment_id="{experiment}", key="{long_key}", value="v"),
    post("POST_v2_experiments_set-experiment-tag_400_deleted", "experiments/set-experiment-tag", experiment_id="{deleted_experiment}", key="k", value="v"),
    post("POST_v2_experiments_delete-experiment-tag", "experiments/delete-experiment-tag", experiment_id="{experiment}", key="team"),
    post("POST_v2_experiments_delete-experiment-tag_404", "experiments/delete-experiment-tag", experiment_id="{experiment}", key="absent"),
]

RUNS = [
    of_client(post("POST_v2_runs_create", "runs/create", experiment_id="{experiment}", user_id="root", start_time=1795404541140, run_name="first", tags=[{"key": "team", "value": "a"}])),
    of_client(get("GET_v2_runs_get", "runs/get", run_uuid="{run}", run_id="{run}")),
    of_client(get("GET_v2_runs_get_404", "runs/get", run_uuid="{missing_run}", run_id="{missing_run}")),
    of_client(get("GET_v2_runs_get_nan_inf", "runs/get", run_uuid="{nan_run}", run_id="{nan_run}")),
    get("GET_v2_runs_get_inputs_outputs", "runs/get", run_id="{run}"),
    get("GET_v2_runs_get_deleted", "runs/get", run_id="{deleted_run}"),
    get("GET_v2_runs_get_400_no-id", "runs/get"),
    post("POST_v2_runs_create_random-name", "runs/create", experiment_id="{experiment}"),
    post("POST_v2_runs_create_400_names", "runs/create", experiment_id="{experiment}", run_name="a", tags=[{"key": "mlflow.runName", "value": "b"}]),
    post("POST_v2_runs_create_400_deleted", "runs/create", experiment_id="{deleted_experiment}"),
    post("POST_v2_runs_create_400_type", "runs/create", experiment_id="{experiment}", start_time="x"),
    post("POST_v2_runs_create_404", "runs/create", experiment_id="{missing_experiment}"),
    of_client(post("POST_v2_runs_update", "runs/update", run_uuid="{bare_run}", run_id="{bare_run}", status="FINISHED", end_time=1795404543280, run_name="renamed")),
    post("POST_v2_runs_update_404", "runs/update", run_id="{missing_run}", status="FINISHED"),
    post("POST_v2_runs_update_400_deleted", "runs/update", run_id="{deleted_run}", status="FINISHED"),
    post("POST_v2_runs_update_400_type", "runs/update", run_id="{bare_run}", end_time="x"),
    post("POST_v2_runs_delete", "runs/delete", run_id="{run}"),
    post("POST_v2_runs_delete_twice", "runs/delete", run_id="{deleted_run}"),
    post("POST_v2_runs_delete_404", "runs/delete", run_id="{missing_run}"),
    post("POST_v2_runs_delete_400_no-id", "runs/delete"),
    post("POST_v2_runs_restore", "runs/restore", run_id="{deleted_run}"),
    post("POST_v2_runs_restore_404", "runs/restore", run_id="{missing_run}"),
    of_client(post("POST_v2_runs_set-tag", "runs/set-tag", run_uuid="{bare_run}", run_id="{bare_run}", key="k", value="v")),
    post("POST_v2_runs_set-tag_400_long-key", "runs/set-tag", run_id="{bare_run}", key="{long_key}", value="v"),
    post("POST_v2_runs_set-tag_400_type", "runs/set-tag", run_id="{bare_run}", key="k", value=5),
    post("POST_v2_runs_set-tag_400_deleted", "runs/set-tag", run_id="{deleted_run}", key="k", value="v"),
    post("POST_v2_runs_delete-tag", "runs/delete-tag", run_id="{run}", key="team"),
    post("POST_v2_runs_delete-tag_404", "runs/delete-tag", run_id="{run}", key="absent"),
    of_client(post("POST_v2_runs_log-parameter", "runs/log-parameter", run_uuid="{bare_run}", run_id="{bare_run}", key="lr", value="0.01")),
    of_client(post("POST_v2_runs_log-parameter_400", "runs/log-parameter", run_uuid="{run}", run_id="{run}", key="lr", value="0.02")),
    post("POST_v2_runs_log-parameter_400_path", "runs/log-parameter", run_id="{bare_run}", key="../x", value="1"),
    post("POST_v2_runs_log-parameter_400_character", "runs/log-parameter", run_id="{bare_run}", key="a$b", value="1"),
    post("POST_v2_runs_log-parameter_400_long-key", "runs/log-parameter", run_id="{bare_run}", key="{long_key}", value="1"),
    post("POST_v2_runs_log-parameter_400_deleted", "runs/log-parameter", run_id="{deleted_run}", key="p", value="1"),
    post("POST_v2_runs_log-model", "runs/log-model", run_id="{bare_run}", model_json=MODEL_INFO),
    post("POST_v2_runs_log-model_400_json", "runs/log-model", run_id="{bare_run}", model_json="nope"),
    post("POST_v2_runs_log-model_400_fields", "runs/log-model", run_id="{bare_run}", model_json="{}"),
    of_client(post("POST_v2_runs_search", "runs/search", experiment_ids=["{experiment}"], run_view_type="ACTIVE_ONLY", filter="metrics.loss < 1 and params.lr='0.01' and tags.team ILIKE 'A' and run_id = '{finished_run}'", max_results=10000, order_by=["metrics.loss DESC", "start_time ASC"])),
    post("POST_v2_runs_search_none", "runs/search", experiment_ids=[]),
    post("POST_v2_runs_search_outputs", "runs/search", experiment_ids=["{experiment}"], filter="run_id = '{run}'"),
    post("POST_v2_runs_search_400_max", "runs/search", experiment_ids=["{experiment}"], max_results=50001),
    post("POST_v2_runs_search_400_zero", "runs/search", experiment_ids=["{experiment}"], max_results=0),
    post("POST_v2_runs_search_400_token", "runs/search", experiment_ids=["{experiment}"], page_token="garbage"),
    post("POST_v2_runs_search_400_or", "runs/search", [SUCCESS], experiment_ids=["{experiment}"], filter="params.a = '1' OR params.b = '2'"),
    post("POST_v2_runs_search_400_entity", "runs/search", experiment_ids=["{experiment}"], filter="foo.bar = 1"),
    post("POST_v2_runs_search_400_value", "runs/search", experiment_ids=["{experiment}"], filter="metrics.a = 'x'"),
    post("POST_v2_runs_search_400_order", "runs/search", experiment_ids=["{experiment}"], order_by=["foo.bar"]),
    post("POST_v2_runs_search_500_order-twice", "runs/search", [INVALID], experiment_ids=["{experiment}"], order_by=["metrics.a", "metrics.a"]),
    post("POST_v2_runs_search_400_aliases", "runs/search", experiment_ids=["0"], experimentIds=["0"]),
    Case("POST_v2_runs_search_400_content-type", "POST", "runs/search", data=b"{}", headers={"Content-Type": "text/plain"}),
]

METRICS = [
    of_client(post("POST_v2_runs_log-metric", "runs/log-metric", run_uuid="{bare_run}", run_id="{bare_run}", **POINT)),
    post("POST_v2_runs_log-metric_400_no-value", "runs/log-metric", run_id="{bare_run}", key="m", timestamp=1),
    post("POST_v2_runs_log-metric_400_no-timestamp", "runs/log-metric", run_id="{bare_run}", key="m", value=1),
    post("POST_v2_runs_log-metric_400_timestamp", "runs/log-metric", run_id="{bare_run}", key="m", value=1, timestamp=-1),
    post("POST_v2_runs_log-metric_400_type", "runs/log-metric", run_id="{bare_run}", key="m", value="x", timestamp=1),
    post("POST_v2_runs_log-metric_400_long-key", "runs/log-metric", run_id="{bare_run}", key="{long_key}", value=1, timestamp=1),
    post("POST_v2_runs_log-metric_400_deleted", "runs/log-metric", run_id="{deleted_run}", **POINT),
    of_client(post("POST_v2_runs_log-batch", "runs/log-batch", run_id="{bare_run}", metrics=[{**POINT, "key": "f1", "model_id": "{model}", "dataset_name": "dataset", "dataset_digest": "00cf16ce"}])),
    of_client(post("POST_v2_runs_log-batch_nan_inf", "runs/log-batch", run_id="{bare_run}", metrics=[{**POINT, "value": v, "step": i} for i, v in enumerate(["NaN", "Infinity", "-Infinity"])])),
    post("POST_v2_runs_log-batch_empty", "runs/log-batch", run_id="{bare_run}"),
    post("POST_v2_runs_log-batch_400_metrics", "runs/log-batch", run_id="{bare_run}", metrics=[POINT] * 1001),
    post("POST_v2_runs_log-batch_400_params", "runs/log-batch", run_id="{bare_run}", params=[{"key": f"p{i}", "value": "1"} for i in range(101)]),
    post("POST_v2_runs_log-batch_400_tags", "runs/log-batch", run_id="{bare_run}", tags=[{"key": f"t{i}", "value": "1"} for i in range(101)]),
    post("POST_v2_runs_log-batch_400_sum", "runs/log-batch", run_id="{bare_run}", metrics=[POINT] * 1000, tags=[{"key": "t", "value": "1"}]),
    post("POST_v2_runs_log-batch_400_duplicate", "runs/log-batch", run_id="{bare_run}", params=[{"key": "d", "value": "1"}] * 2),
    post("POST_v2_runs_log-batch_400_changed-param", "runs/log-batch", run_id="{run}", params=[{"key": "lr", "value": "9"}]),
    post("POST_v2_runs_log-batch_400_no-value", "runs/log-batch", run_id="{bare_run}", metrics=[{"key": "m", "timestamp": 1}]),
    post("POST_v2_runs_log-batch_400_type", "runs/log-batch", run_id="{bare_run}", metrics="x"),
    post("POST_v2_runs_log-batch_400_deleted", "runs/log-batch", run_id="{deleted_run}", tags=[{"key": "t", "value": "1"}]),
    of_client(get("GET_v2_metrics_get-history", "metrics/get-history", run_uuid="{run}", run_id="{run}", metric_key="loss", max_results=25000)),
    get("GET_v2_metrics_get-history_page", "metrics/get-history", run_id="{run}", metric_key="loss", max_results=1),
    get("GET_v2_metrics_get-history_unknown", "metrics/get-history", run_id="{missing_run}", metric_key="loss"),
    get("GET_v2_metrics_get-history_400_max", "metrics/get-history", run_id="{run}", metric_key="loss", max_results=0),
    get("GET_v2_metrics_get-history_400_token", "metrics/get-history", run_id="{run}", metric_key="loss", max_results=1, page_token="zzz"),
    get("GET_v2_metrics_get-history_400_no-key", "metrics/get-history", run_id="{run}"),
    get("GET_v2_metrics_get-history-bulk-interval", "metrics/get-history-bulk-interval", run_ids=["{long_run}", "{run}"], metric_key="m", max_results=5),
    get("GET_v2_metrics_get-history-bulk-interval_steps", "metrics/get-history-bulk-interval", run_ids=["{long_run}"], metric_key="m", start_step=3, end_step=9, max_results=3),
    get("GET_v2_metrics_get-history-bulk-interval_400_one-step", "metrics/get-history-bulk-interval", run_ids=["{long_run}"], metric_key="m", start_step=3),
    get("GET_v2_metrics_get-history-bulk-interval_400_steps", "metrics/get-history-bulk-interval", run_ids=["{long_run}"], metric_key="m", start_step=9, end_step=3),
    get("GET_v2_metrics_get-history-bulk-interval_400_max", "metrics/get-history-bulk-interval", run_ids=["{long_run}"], metric_key="m", max_results=2501),
    get("GET_v2_metrics_get-history-bulk-interval_400_runs", "metrics/get-history-bulk-interval", run_ids=["{long_run}"] * 101, metric_key="m"),
    get("GET_ajax_metrics_get-history-bulk", f"{AJAX}/metrics/get-history-bulk", run_id=["{long_run}", "{run}"], metric_key="m", max_results=3),
    get("GET_ajax_metrics_get-history-bulk_none", f"{AJAX}/metrics/get-history-bulk", run_id=["{missing_run}"], metric_key="m"),
    get("GET_ajax_metrics_get-history-bulk_400_no-run", f"{AJAX}/metrics/get-history-bulk", metric_key="m"),
    get("GET_ajax_metrics_get-history-bulk_400_no-key", f"{AJAX}/metrics/get-history-bulk", run_id=["{long_run}"]),
    get("GET_ajax_metrics_get-history-bulk_500_max", f"{AJAX}/metrics/get-history-bulk", [INVALID], run_id=["{long_run}"], metric_key="m", max_results="x"),
]

INPUTS = [
    of_client(post("POST_v2_runs_log-inputs", "runs/log-inputs", run_id="{bare_run}", datasets=[{"dataset": {**DATASET, "schema": "{}", "profile": "{}"}, "tags": [{"key": "mlflow.data.context", "value": "train"}]}])),
    post("POST_v2_runs_log-inputs_models", "runs/log-inputs", run_id="{bare_run}", models=[{"model_id": "{model}"}]),
    post("POST_v2_runs_log-inputs_none", "runs/log-inputs", run_id="{bare_run}"),
    post("POST_v2_runs_log-inputs_404", "runs/log-inputs", run_id="{missing_run}", datasets=[{"dataset": DATASET}]),
    post("POST_v2_runs_log-inputs_400_deleted", "runs/log-inputs", run_id="{deleted_run}", datasets=[{"dataset": DATASET}]),
    post("POST_v2_runs_log-inputs_400_long-name", "runs/log-inputs", run_id="{bare_run}", datasets=[{"dataset": {**DATASET, "name": "n" * 501}}]),
    post("POST_v2_runs_log-inputs_400_long-digest", "runs/log-inputs", run_id="{bare_run}", datasets=[{"dataset": {**DATASET, "digest": "d" * 37}}]),
    post("POST_v2_runs_log-inputs_400_long-tag", "runs/log-inputs", run_id="{bare_run}", datasets=[{"dataset": DATASET, "tags": [{"key": "k" * 256, "value": "v"}]}]),
    post("POST_v2_runs_log-inputs_400_type", "runs/log-inputs", run_id="{bare_run}", datasets="x"),
    of_client(post("POST_v2_runs_outputs", "runs/outputs", run_id="{bare_run}", models=[{"model_id": "{model}", "step": 0}])),
    post("POST_v2_runs_outputs_400_no-models", "runs/outputs", run_id="{bare_run}"),
    post("POST_v2_runs_outputs_400_twice", "runs/outputs", [SUCCESS, INVALID, EXISTS], run_id="{run}", models=[{"model_id": "{model}", "step": 3}]),
    post("POST_v2_runs_outputs_404", "runs/outputs", run_id="{missing_run}", models=[{"model_id": "{model}", "step": 3}]),
    post("POST_ajax_experiments_search-datasets", f"{AJAX}/experiments/search-datasets", experiment_ids=["{used_experiment}"]),
    post("POST_ajax_experiments_search-datasets_400_none", f"{AJAX}/experiments/search-datasets", experiment_ids=[]),
    post("POST_ajax_experiments_search-datasets_400_many", f"{AJAX}/experiments/search-datasets", experiment_ids=[str(i) for i in range(21)]),
]

ARTIFACTS = [
    of_client(Case("PUT_v2_mlflow-artifacts_artifacts_path_mlmodel", "PUT", f"{STORE}/artifacts/{{model_artifacts}}/MLmodel", data=b"flavors: {}")),
    of_client(get("GET_v2_mlflow-artifacts_artifacts_path_mlmodel", f"{STORE}/artifacts/{{model_artifacts}}/MLmodel")),
    of_client(get("GET_v2_mlflow-artifacts_artifacts", f"{STORE}/artifacts", path="{artifacts}")),
    get("GET_v2_mlflow-artifacts_artifacts_dirs", f"{STORE}/artifacts", path="{artifacts}"),
    get("GET_v2_mlflow-artifacts_artifacts_file", f"{STORE}/artifacts", path="{artifacts}/t.txt"),
    get("GET_v2_mlflow-artifacts_artifacts_missing", f"{STORE}/artifacts", path="{artifacts}/nope"),
    get("GET_v2_mlflow-artifacts_artifacts_400_dots", f"{STORE}/artifacts", path="../x"),
    get("GET_v2_mlflow-artifacts_artifacts_path_404", f"{STORE}/artifacts/{{artifacts}}/nope"),
    get("GET_v2_mlflow-artifacts_artifacts_path_400_dir", f"{STORE}/artifacts/{{artifacts}}/sub", [INVALID]),
    Case("GET_v2_mlflow-artifacts_artifacts_path_range", "GET", f"{STORE}/artifacts/{{artifacts}}/t.txt", headers={"Range": "bytes=1-2"}),
    Case("DELETE_v2_mlflow-artifacts_artifacts_path", "DELETE", f"{STORE}/artifacts/{{artifacts}}/t.txt"),
    Case("DELETE_v2_mlflow-artifacts_artifacts_path_dir", "DELETE", f"{STORE}/artifacts/{{artifacts}}/sub"),
    Case("DELETE_v2_mlflow-artifacts_artifacts_path_missing", "DELETE", f"{STORE}/artifacts/{{artifacts}}/nope", instead=[SUCCESS, ABSENT]),
    Case("POST_v2_mlflow-artifacts_mpu_create_501", "POST", f"{STORE}/mpu/create/{{artifacts}}", {"path": "/data/big.bin", "num_parts": 2}, without_multipart=True),
    Case("POST_v2_mlflow-artifacts_mpu_complete_501", "POST", f"{STORE}/mpu/complete/{{artifacts}}", {"path": "/data/big.bin", "upload_id": "u", "parts": [{"part_number": 1, "etag": "e", "url": "u"}]}, without_multipart=True),
    Case("POST_v2_mlflow-artifacts_mpu_abort_501", "POST", f"{STORE}/mpu/abort/{{artifacts}}", {"path": "/data/big.bin", "upload_id": "u"}, without_multipart=True),
    post("POST_v2_mlflow-artifacts_mpu_create_400_no-path", f"{STORE}/mpu/create/{{artifacts}}", num_parts=2),
    get("GET_v2_mlflow-artifacts_presigned_501", f"{STORE}/presigned/{{artifacts}}/t.txt"),
    post("POST_v2_artifacts_presigned-upload-url_400", "artifacts/presigned-upload-url", [UNSUPPORTED], run_id="{bare_run}", path="x"),
    post("POST_v2_artifacts_presigned-download-url_400", "artifacts/presigned-download-url", [UNSUPPORTED], run_id="{bare_run}", path="x"),
    get("GET_v2_artifacts_list", "artifacts/list", run_id="{artifact_run}"),
    get("GET_v2_artifacts_list_dir", "artifacts/list", run_id="{artifact_run}", path="sub"),
    get("GET_v2_artifacts_list_file", "artifacts/list", run_id="{artifact_run}", path="t.txt"),
    get("GET_v2_artifacts_list_404", "artifacts/list", run_id="{missing_run}"),
    get("GET_v2_artifacts_list_400_dots", "artifacts/list", run_id="{artifact_run}", path="../x"),
    get("GET_v2_artifacts_list_400_no-run", "artifacts/list"),
    get("GET_get-artifact", "/get-artifact", run_id="{artifact_run}", path="t.txt"),
    get("GET_get-artifact_404", "/get-artifact", run_id="{artifact_run}", path="nope"),
    get("GET_get-artifact_400_dir", "/get-artifact", run_id="{artifact_run}", path="sub"),
    get("GET_get-artifact_400_dots", "/get-artifact", run_id="{artifact_run}", path="../../x"),
    get("GET_get-artifact_400_no-path", "/get-artifact", [INVALID], run_id="{artifact_run}"),
    Case("POST_ajax_upload-artifact", "POST", f"{AJAX}/upload-artifact", query={"run_uuid": "{bare_run}", "path": "up/x.json"}, data=b"{}"),
    Case("POST_ajax_upload-artifact_400_no-run", "POST", f"{AJAX}/upload-artifact", query={"path": "x"}, data=b"x"),
    Case("POST_ajax_upload-artifact_400_no-path", "POST", f"{AJAX}/upload-artifact", query={"run_uuid": "{bare_run}"}, data=b"x"),
    Case("POST_ajax_upload-artifact_400_no-data", "POST", f"{AJAX}/upload-artifact", query={"run_uuid": "{bare_run}", "path": "x"}, data=b""),
    Case("POST_ajax_upload-artifact_400_dots", "POST", f"{AJAX}/upload-artifact", query={"run_uuid": "{bare_run}", "path": "../x"}, data=b"x"),
    Case("POST_ajax_upload-artifact_404", "POST", f"{AJAX}/upload-artifact", query={"run_uuid": "{missing_run}", "path": "x"}, data=b"x"),
]

LOGGED_MODELS = [
    of_client(post("POST_v2_logged-models", "logged-models", experiment_id="{experiment}", name="model", source_run_id="{bare_run}", params=[{"key": "C", "value": "1.0"}], tags=[{"key": "mlflow.user", "value": "root"}])),
    post("POST_v2_logged-models_random-name", "logged-models", experiment_id="{experiment}"),
    post("POST_v2_logged-models_400_name", "logged-models", experiment_id="{experiment}", name="a/b"),
    post("POST_v2_logged-models_400_no-experiment", "logged-models", name="x"),
    post("POST_v2_logged-models_400_type", "logged-models", experiment_id="{experiment}", params="x"),
    post("POST_v2_logged-models_404", "logged-models", experiment_id="{missing_experiment}"),
    of_client(get("GET_v2_logged-models_model_id", "logged-models/{model}")),
    get("GET_v2_logged-models_model_id_metrics", "logged-models/{model}"),
    get("GET_v2_logged-models_model_id_404", "logged-models/{missing_model}"),
    get("GET_v2_logged-models_model_id_404_deleted", "logged-models/{deleted_model}"),
    of_client(Case("PATCH_v2_logged-models_model_id", "PATCH", "logged-models/{model}", {"model_id": "{model}", "status": "LOGGED_MODEL_READY"})),
    Case("PATCH_v2_logged-models_model_id_failed", "PATCH", "logged-models/{model}", {"model_id": "{model}", "status": "LOGGED_MODEL_UPLOAD_FAILED"}),
    Case("PATCH_v2_logged-models_model_id_400_no-status", "PATCH", "logged-models/{model}", {"model_id": "{model}"}),
    Case("PATCH_v2_logged-models_model_id_404", "PATCH", "logged-models/{missing_model}", {"model_id": "{missing_model}", "status": "LOGGED_MODEL_READY"}),
    of_client(Case("DELETE_v2_logged-models_model_id", "DELETE", "logged-models/{model}")),
    of_client(Case("PATCH_v2_logged-models_model_id_tags", "PATCH", "logged-models/{model}/tags", {"model_id": "{model}", "tags": [{"key": "x", "value": "y"}]})),
    Case("PATCH_v2_logged-models_model_id_tags_404", "PATCH", "logged-models/{missing_model}/tags", {"tags": [{"key": "x", "value": "y"}]}),
    Case("DELETE_v2_logged-models_model_id_tags_key", "DELETE", "logged-models/{model}/tags/stage"),
    Case("DELETE_v2_logged-models_model_id_tags_key_404", "DELETE", "logged-models/{model}/tags/absent"),
    post("POST_v2_logged-models_model_id_params", "logged-models/{model}/params", model_id="{model}", params=[{"key": "b", "value": "2"}]),
    post("POST_v2_logged-models_model_id_params_400_changed", "logged-models/{model}/params", [INVALID, EXISTS], model_id="{model}", params=[{"key": "C", "value": "3"}]),
    post("POST_v2_logged-models_model_id_params_404", "logged-models/{missing_model}/params", model_id="{missing_model}", params=[{"key": "b", "value": "2"}]),
    of_client(post("POST_v2_logged-models_search", "logged-models/search", experiment_ids=["{experiment}"], filter="metrics.val_acc > 0.5 AND model_id = '{model}'", order_by=[{"field_name": "metrics.val_acc", "ascending": False}])),
    post("POST_v2_logged-models_search_page", "logged-models/search", experiment_ids=["{experiment}"], page_token="{models_token}", max_results=1, order_by=[{"field_name": "creation_time", "ascending": True}]),
    post("POST_v2_logged-models_search_datasets", "logged-models/search", experiment_ids=["{experiment}"], filter="model_id = '{model}'", datasets=[{"dataset_name": "train-ds", "dataset_digest": "a5357541"}]),
    post("POST_v2_logged-models_search_none", "logged-models/search", experiment_ids=[]),
    post("POST_v2_logged-models_search_400_no-experiments", "logged-models/search"),
    post("POST_v2_logged-models_search_400_entity", "logged-models/search", experiment_ids=["{experiment}"], filter="tag.t = '2'"),
    post("POST_v2_logged-models_search_400_or", "logged-models/search", [SUCCESS], experiment_ids=["{experiment}"], filter="name = 'x' OR name = 'y'"),
    post("POST_v2_logged-models_search_400_order", "logged-models/search", experiment_ids=["{experiment}"], order_by=[{"field_name": "nope"}]),
    post("POST_v2_logged-models_search_400_dataset", "logged-models/search", experiment_ids=["{experiment}"], datasets=[{"dataset_digest": "1"}]),
    post("POST_v2_logged-models_search_400_other-token", "logged-models/search", experiment_ids=["{experiment}"], page_token="{models_token}"),
    post("POST_v2_logged-models_search_500_token", "logged-models/search", [INVALID], experiment_ids=["{experiment}"], page_token="junk"),
    post("POST_v2_logged-models_search_500_attribute", "logged-models/search", [INVALID], experiment_ids=["{experiment}"], filter="foo = 'x'"),
    get("GET_v2_logged-models_model_id_artifacts_directories", "logged-models/{stored_model}/artifacts/directories"),
    get("GET_v2_logged-models_model_id_artifacts_directories_dir", "logged-models/{stored_model}/artifacts/directories", artifact_directory_path="data"),
    get("GET_v2_logged-models_model_id_artifacts_directories_missing", "logged-models/{stored_model}/artifacts/directories", artifact_directory_path="nope"),
    get("GET_v2_logged-models_model_id_artifacts_directories_404", "logged-models/{missing_model}/artifacts/directories"),
    get("GET_ajax_logged-models_model_id_artifacts_files", f"{AJAX}/logged-models/{{stored_model}}/artifacts/files", artifact_file_path="MLmodel"),
    get("GET_ajax_logged-models_model_id_artifacts_files_404", f"{AJAX}/logged-models/{{stored_model}}/artifacts/files", artifact_file_path="nope"),
    get("GET_ajax_logged-models_model_id_artifacts_files_400_no-path", f"{AJAX}/logged-models/{{stored_model}}/artifacts/files", [INVALID, (400, "BAD_REQUEST")]),
]

CASES = [*CONNECTING, *EXPERIMENTS, *RUNS, *METRICS, *INPUTS, *ARTIFACTS, *LOGGED_MODELS]
