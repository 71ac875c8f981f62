"""Files of runs: the MLflow client's own calls, multipart uploads, the browser's routes, and hostile paths."""

import os
import uuid
from urllib.parse import quote

import mlflow
import pytest
import requests
from matplotlib import pyplot

from api import refusal

INVALID = "INVALID_PARAMETER_VALUE"
ABSENT = "RESOURCE_DOES_NOT_EXIST"
MIB = 1024 * 1024


@pytest.fixture
def active(experiment):
    """The id of the active run."""
    with mlflow.start_run() as run:
        yield run.info.run_id


@pytest.fixture
def folder(experiment, run):
    """Path of a run's artifact folder inside the store."""
    return f"{experiment}/{run}/artifacts"


def paths(client, run, folder=None):
    return [file.path for file in client.list_artifacts(run, folder)]


def download(run, path, into):
    return open(mlflow.artifacts.download_artifacts(run_id=run, artifact_path=path, dst_path=str(into)), "rb").read()


class TestClient:
    def test_file(self, client, active, tmp_path):
        (tmp_path / "a.bin").write_bytes(bytes(range(256)))
        mlflow.log_artifact(str(tmp_path / "a.bin"), "deep/er")
        assert paths(client, active) == ["deep"]
        assert paths(client, active, "deep") == ["deep/er"]
        [info] = client.list_artifacts(active, "deep/er")
        assert (info.path, info.is_dir, info.file_size) == ("deep/er/a.bin", False, 256)
        assert client.list_artifacts(active, "deep/er/a.bin") == []
        assert download(active, "deep/er/a.bin", tmp_path / "got") == bytes(range(256))

    def test_folder(self, client, active, tmp_path):
        for name in ("one.txt", "sub/two.txt", "sub/sub/three.txt"):
            path = tmp_path / "tree" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)
        mlflow.log_artifacts(str(tmp_path / "tree"), "tree")
        got = mlflow.artifacts.download_artifacts(run_id=active, artifact_path="tree", dst_path=str(tmp_path / "got"))
        for name in ("one.txt", "sub/two.txt", "sub/sub/three.txt"):
            with open(os.path.join(got, name)) as file:
                assert file.read() == name

    def test_everything_of_a_run(self, active, tmp_path):
        mlflow.log_text("hello", "a.txt")
        mlflow.log_text("below", "sub/b.txt")
        got = mlflow.artifacts.download_artifacts(run_id=active, dst_path=str(tmp_path))
        assert sorted(os.listdir(got)) == ["a.txt", "sub"]

    def test_text_dict_figure(self, client, active, tmp_path):
        mlflow.log_text("héllo", "t.txt")
        mlflow.log_dict({"a": [1, 2]}, "d.json")
        mlflow.log_dict({"a": 1}, "d.yaml")
        figure, axes = pyplot.subplots()
        axes.plot([1, 2, 3])
        mlflow.log_figure(figure, "plots/f.png")
        pyplot.close(figure)
        assert paths(client, active) == ["d.json", "d.yaml", "plots", "t.txt"]
        assert mlflow.artifacts.load_text(f"runs:/{active}/t.txt") == "héllo"
        assert mlflow.artifacts.load_dict(f"runs:/{active}/d.json") == {"a": [1, 2]}
        assert download(active, "plots/f.png", tmp_path).startswith(b"\x89PNG")

    def test_overwriting(self, active):
        for text in ("a longer first text", "second"):
            mlflow.log_text(text, "t.txt")
        assert mlflow.artifacts.load_text(f"runs:/{active}/t.txt") == "second"

    def test_empty_file(self, client, active, tmp_path):
        mlflow.log_text("", "empty.txt")
        assert client.list_artifacts(active)[0].file_size in (0, None)
        assert download(active, "empty.txt", tmp_path) == b""

    def test_table(self, active):
        mlflow.log_table({"a": [1, 2]}, "table.json")
        mlflow.log_table({"a": [3]}, "table.json")
        table = mlflow.load_table("table.json", run_ids=[active])
        assert list(table["a"]) == [1, 2, 3]

    def test_missing_file(self, active, tmp_path):
        with pytest.raises(Exception, match="nope.txt"):
            download(active, "nope.txt", tmp_path)

    def test_deleted_run_keeps_its_files(self, client, experiment, tmp_path):
        with mlflow.start_run() as run:
            mlflow.log_text("kept", "t.txt")
        client.delete_run(run.info.run_id)
        assert download(run.info.run_id, "t.txt", tmp_path) == b"kept"

    @pytest.mark.parametrize("name", [
        "a b.txt", "ünï件.txt", "100%.txt", "h#x.txt", "q?x.txt", "p%41q.txt", "a+b.txt", "semi;x.txt", "amp&x=1.txt", "'quotes\".txt",
        "..hidden.txt", "x" * 200,
    ])
    def test_awkward_names_come_back(self, active, tmp_path, name):
        (tmp_path / name).write_text(f"content of {name}")
        mlflow.log_artifact(str(tmp_path / name), "dir with space")
        assert download(active, f"dir with space/{name}", tmp_path / "got").decode() == f"content of {name}"

    # The client does not escape "#", "?" and "%41" in URLs, so those names change on their way.
    @pytest.mark.parametrize("name", ["a b.txt", "ünï件.txt", "100%.txt", "a+b.txt", "semi;x.txt", "amp&x=1.txt", "..hidden.txt"])
    def test_awkward_names_are_listed_as_they_are(self, client, active, tmp_path, name):
        (tmp_path / name).write_text("x")
        mlflow.log_artifact(str(tmp_path / name))
        assert paths(client, active) == [name]


class TestRest:
    @pytest.mark.parametrize("name", ["a b", "件", "100%", pytest.param("p%41q", marks=pytest.mark.slipway_only), "a?b", "a+b", "a&b=c", "~x", "e\u0301"])
    def test_an_escaped_name_is_stored_as_it_is(self, api, folder, run, name):
        api.put_artifact(f"{folder}/{quote(name, safe='')}", name.encode())
        assert api.send("GET", f"{api.ARTIFACTS}/{folder}/{quote(name, safe='')}").content == name.encode()
        listed = api.ok("GET", "artifacts/list", query={"run_id": run})["files"]
        assert listed == [{"path": name, "is_dir": False, "file_size": len(name.encode())}]

    def test_chunked_upload_of_unknown_length(self, api, folder):
        api.put_artifact(f"{folder}/big", (b"x" * MIB for _ in range(3)))
        assert len(api.send("GET", f"{api.ARTIFACTS}/{folder}/big").content) == 3 * MIB

    def test_deletion_of_a_file_and_of_a_tree(self, api, client, folder, run):
        for name in ("t.txt", "sub/a.txt", "sub/b/c.txt", "subway.txt"):
            api.put_artifact(f"{folder}/{name}", b"x")
        assert api.ok("DELETE", f"{api.ARTIFACTS}/{folder}/t.txt") == {}
        assert api.ok("DELETE", f"{api.ARTIFACTS}/{folder}/sub") == {}
        assert paths(client, run) == ["subway.txt"]
        refusal(api.send("GET", f"{api.ARTIFACTS}/{folder}/t.txt"), ABSENT)

    def test_deletion_through_the_client(self, client, active):
        mlflow.log_text("x", "a.txt")
        mlflow.log_text("x", "b/c.txt")
        repository = mlflow.store.artifact.artifact_repository_registry.get_artifact_repository(client.get_run(active).info.artifact_uri)
        repository.delete_artifacts("b")
        assert paths(client, active) == ["a.txt"]

    @pytest.mark.parametrize("path", [
        "", "/", "//", "/?path=", "/?path=/", "/?path=.", *(pytest.param(p, marks=pytest.mark.slipway_only) for p in ["/.", "/%2e"]),
    ])
    def test_deletion_never_reaches_the_root(self, api, folder, path):
        api.put_artifact(f"{folder}/t.txt", b"kept")
        response = api.send_exactly("DELETE", api.ARTIFACTS + path)
        assert 400 <= response.status_code < 500, response.text
        assert api.send("GET", f"{api.ARTIFACTS}/{folder}/t.txt").text == "kept"

    @pytest.mark.parametrize("name, kind", [
        ("a.txt", "text/plain"), ("a.json", "text/plain"), ("a.yaml", "text/plain"), ("MLmodel", "text/plain"), ("a.csv", "text/plain"),
        ("a.html", "text/html"), ("a.png", "image/png"), ("a.svg", "image/svg+xml"), ("noext", "application/octet-stream"),
    ])
    def test_downloads_are_harmless_attachments(self, api, folder, run, name, kind):
        api.put_artifact(f"{folder}/{name}", b"<script>")
        by_path = api.send("GET", f"{api.ARTIFACTS}/{folder}/{name}")
        by_run = api.send("GET", "/get-artifact", query={"run_id": run, "path": name})
        for response in (by_path, by_run):
            assert response.content == b"<script>"
            assert response.headers["Content-Disposition"] == f"attachment; filename={name}"
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert response.headers["Content-Type"].split(";")[0] == kind

    def test_file_name_header_of_a_unicode_name(self, api, folder, run):
        api.put_artifact(f"{folder}/{quote('dé 件.txt')}", b"x")
        header = api.send("GET", "/get-artifact", query={"run_id": run, "path": "dé 件.txt"}).headers["Content-Disposition"]
        assert header.startswith("attachment;")
        assert "filename*=utf-8''d%c3%a9%20%e4%bb%b6.txt" in header.lower()

    def test_part_of_a_file(self, api, folder, run):
        api.put_artifact(f"{folder}/t.txt", b"0123456789")
        for path, query in [(f"{api.ARTIFACTS}/{folder}/t.txt", None), ("/get-artifact", {"run_id": run, "path": "t.txt"})]:
            response = api.send("GET", path, query=query, headers={"Range": "bytes=2-4"})
            assert (response.status_code, response.content) == (206, b"234")
            assert response.headers["Content-Range"] == "bytes 2-4/10"

    def test_upload_from_the_browser(self, api, run, folder):
        query = {"run_uuid": run, "path": "up/x.json"}
        response = api.send("POST", "/ajax-api/2.0/mlflow/upload-artifact", query=query, data=b'{"a": 1}')
        assert response.status_code == 200
        assert api.send("GET", f"{api.ARTIFACTS}/{folder}/up/x.json").json() == {"a": 1}

    def test_upload_from_the_browser_has_a_limit(self, api, run):
        response = api.send(
            "POST", "/ajax-api/2.0/mlflow/upload-artifact", query={"run_uuid": run, "path": "x"}, data=b"x" * (10 * MIB + 1)
        )
        assert 400 <= response.status_code < 500 and response.json()["error_code"]

    def test_presigned_downloads_are_not_supported(self, api, folder):
        api.put_artifact(f"{folder}/t.txt", b"x")
        api.refused("NOT_IMPLEMENTED", "GET", f"/api/2.0/mlflow-artifacts/presigned/{folder}/t.txt")

    @pytest.mark.slipway_only
    @pytest.mark.parametrize("direction", ["upload", "download"])
    def test_presigned_urls_are_not_supported(self, api, run, direction):
        api.refused("NOT_IMPLEMENTED", "POST", f"artifacts/presigned-{direction}-url", {"run_id": run, "path": "x"})

    def test_client_falls_back_from_presigned_downloads(self, active, tmp_path, monkeypatch):
        mlflow.log_text("whole", "t.txt")
        monkeypatch.setenv("MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD", "true")
        assert download(active, "t.txt", tmp_path) == b"whole"


# Each is appended to the folder of a run, raw, as a client with bad intent would send it.
HOSTILE = [
    "/../x", "/%2e%2e/x", "/.%2e/x", "/%252e%252e/x", "/%25252e%25252e/x", "/a/%2e%2e/%2e%2e/x", "/..%2fx", "/..%252fx",
    "/../../../../../../../../etc/passwd", "/%2e%2e%2f%2e%2e%2f%2e%2e%2f%2e%2e%2f%2e%2e%2f%2e%2e%2fetc%2fpasswd",
]
# Accepted or answered with 500 by MLflow's own server.
MORE_HOSTILE = [
    "/..%5cx", "/..%255cx", "/a%5cb", "/%5cabs", "/a%00b", "/%00", "/a%2500b", "//etc/passwd", "/%2fetc%2fpasswd", "/%252fetc%252fpasswd",
    "/C:%5cx", "/C:/x", "/c%3a/x", "/./x", "/a/./b", "/.", "/%2e", "/a//b", "/file:%2f%2f%2fetc%2fpasswd", "/x%0ay", "/x%0d%0ay",
]


class TestHostilePaths:
    @pytest.fixture
    def canary(self, api, experiment):
        """Names a file beside the run's folder that no hostile path may touch."""
        path = f"{experiment}/x"
        api.put_artifact(path, b"canary")
        yield path
        assert api.send("GET", f"{api.ARTIFACTS}/{path}").text == "canary"

    @pytest.mark.parametrize("path", [*HOSTILE, *(pytest.param(p, marks=pytest.mark.slipway_only) for p in MORE_HOSTILE)])
    @pytest.mark.parametrize("method", ["PUT", "GET", "DELETE"])
    def test_in_the_path(self, api, folder, canary, method, path):
        data = b"evil" if method == "PUT" else None
        # Below a sub-folder, so that one step up still is inside the run.
        response = api.send_exactly(method, f"{api.ARTIFACTS}/{folder}/sub{path}", data)
        assert 400 <= response.status_code < 500, f"{response.status_code} {response.text[:300]}"
        assert b"root:" not in response.content

    @pytest.mark.slipway_only
    @pytest.mark.parametrize("path", ["//etc/passwd", "/%2fetc%2fpasswd", "/%5cetc", "/C:%5cx", "/%2e%2e/x", "/%00"])
    @pytest.mark.parametrize("method", ["PUT", "GET", "DELETE"])
    def test_absolute(self, api, method, path):
        response = api.send_exactly(method, api.ARTIFACTS + path, b"evil" if method == "PUT" else None)
        assert 400 <= response.status_code < 500, f"{response.status_code} {response.text[:300]}"

    @pytest.mark.parametrize("path", [
        "..", "../x", "a/../../x", "/etc/passwd", "%2e%2e/x", "%252e%252e/x", "file:///etc/passwd",
        *(pytest.param(p, marks=pytest.mark.slipway_only) for p in ["..\\x", "a\\b", "C:\\x", "a\0b", "./x", "a//b"]),
    ])
    @pytest.mark.parametrize("ask", [
        lambda api, run, path: api.send("GET", api.ARTIFACTS, query={"path": path}),
        lambda api, run, path: api.send("GET", "artifacts/list", query={"run_id": run, "path": path}),
        lambda api, run, path: api.send("GET", "/get-artifact", query={"run_id": run, "path": path}),
        lambda api, run, path: api.send(
            "POST", "/ajax-api/2.0/mlflow/upload-artifact", query={"run_uuid": run, "path": path}, data=b"x"
        ),
    ], ids=["list", "list-run", "get-artifact", "upload-artifact"])
    def test_in_the_query(self, api, run, path, ask):
        response = ask(api, run, path)
        assert 400 <= response.status_code < 500, f"{response.status_code} {response.text[:300]}"
        assert b"root:" not in response.content

    @pytest.mark.slipway_only
    def test_a_file_cannot_become_a_folder_nor_a_folder_a_file(self, api, folder):
        api.put_artifact(f"{folder}/t.txt", b"x")
        api.put_artifact(f"{folder}/sub/a.txt", b"x")
        for path in ("t.txt/below.txt", "sub"):
            response = api.send("PUT", f"{api.ARTIFACTS}/{folder}/{path}", data=b"x")
            assert 400 <= response.status_code < 500, response.text


class TestMultipart:
    """Uploads in parts; on a server without them, the client's fallback."""

    CHUNK = MIB

    @pytest.fixture
    def small_parts(self, monkeypatch):
        """Has the client upload files from 1 MiB on in parts of 1 MiB; yields the bare PUTs of the parts."""
        monkeypatch.setenv("MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD", "true")
        self._shrink(monkeypatch)
        return self._spy(monkeypatch)

    def _shrink(self, monkeypatch):
        monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE", str(self.CHUNK))
        monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE", str(self.CHUNK))

    def _spy(self, monkeypatch):
        sent, put = [], requests.put

        def noted(url, *args, **options):
            sent.append(url)
            return put(url, *args, **options)

        monkeypatch.setattr(requests, "put", noted)
        return sent

    @pytest.fixture
    def supported(self, api):
        if not api.server_info()["multipart_uploads_enabled"]:
            pytest.skip("the server says it takes no multipart uploads")

    @pytest.mark.parametrize("size", [MIB, MIB + 1, 3 * MIB, 3 * MIB + 12345])
    @pytest.mark.parametrize("name", ["big.bin", "big file ü.bin"])
    def test_file_arrives_whole(self, api, active, client, tmp_path, small_parts, size, name):
        content = os.urandom(size)
        (tmp_path / name).write_bytes(content)
        mlflow.log_artifact(str(tmp_path / name), "dir")
        assert download(active, f"dir/{name}", tmp_path / "got") == content
        assert [(f.path, f.file_size) for f in client.list_artifacts(active, "dir")] == [(f"dir/{name}", size)]
        if api.server_info()["multipart_uploads_enabled"]:
            assert len(small_parts) == -(-size // self.CHUNK)

    def test_server_info_alone_turns_it_on(self, supported, active, tmp_path, monkeypatch):
        self._shrink(monkeypatch)
        parts = self._spy(monkeypatch)
        content = os.urandom(2 * MIB)
        (tmp_path / "big.bin").write_bytes(content)
        mlflow.log_artifact(str(tmp_path / "big.bin"))
        assert len(parts) == 2
        assert download(active, "big.bin", tmp_path / "got") == content

    @pytest.fixture
    def upload(self, supported, api, folder):
        """A function that asks for one step of uploading up.bin into the run's folder."""
        def step(name, **fields):
            return api.send("POST", f"/api/2.0/mlflow-artifacts/mpu/{name}/{folder}", {"path": "/home/me/up.bin", **fields})
        return step

    @staticmethod
    def put(credential, data):
        """Uploads a part as the client does: with the given headers and no credentials of MLflow's."""
        return requests.put(credential["url"], data=data, headers=credential.get("headers", {}), timeout=60)

    def send_parts(self, created, contents):
        parts = []
        for credential, content in zip(created["credentials"], contents):
            response = self.put(credential, content)
            assert response.status_code == 200, response.text
            etag = response.headers["ETag"]
            parts.append({"part_number": credential["part_number"], "etag": etag, "url": credential["url"]})
        return parts

    def content(self, api, folder):
        return api.send("GET", f"{api.ARTIFACTS}/{folder}/up.bin")

    def test_steps(self, api, folder, upload):
        created = upload("create", num_parts=3).json()
        assert created["upload_id"]
        assert [c["part_number"] for c in created["credentials"]] == [1, 2, 3]
        assert all(c["url"].startswith("http") for c in created["credentials"])
        backwards = {**created, "credentials": created["credentials"][::-1]}
        parts = self.send_parts(backwards, [b"cc", b"bb", b"aa"])[::-1]
        refusal(self.content(api, folder), ABSENT)
        completed = upload("complete", upload_id=created["upload_id"], parts=parts)
        assert completed.status_code == 200, completed.text
        assert self.content(api, folder).content == b"aabbcc"

    def test_a_part_may_be_sent_again(self, api, folder, upload):
        created = upload("create", num_parts=1).json()
        self.send_parts(created, [b"first"])
        parts = self.send_parts(created, [b"second"])
        assert upload("complete", upload_id=created["upload_id"], parts=parts).status_code == 200
        assert self.content(api, folder).content == b"second"

    def test_existing_file_stays_until_completion(self, api, folder, upload):
        api.put_artifact(f"{folder}/up.bin", b"old")
        created = upload("create", num_parts=1).json()
        parts = self.send_parts(created, [b"new"])
        assert self.content(api, folder).content == b"old"
        upload("complete", upload_id=created["upload_id"], parts=parts)
        assert self.content(api, folder).content == b"new"

    def test_abort(self, api, folder, upload, client, run):
        created = upload("create", num_parts=2).json()
        parts = self.send_parts(created, [b"aa", b"bb"])
        assert upload("abort", upload_id=created["upload_id"]).status_code == 200
        assert paths(client, run) == []
        completed = upload("complete", upload_id=created["upload_id"], parts=parts)
        assert 400 <= completed.status_code < 500
        assert 400 <= self.put(created["credentials"][0], b"late").status_code < 500
        refusal(self.content(api, folder), ABSENT)

    def test_unfinished_parts_are_no_artifacts(self, upload, client, run):
        created = upload("create", num_parts=2).json()
        self.send_parts(created, [b"aa", b"bb"])
        assert paths(client, run) == []

    @pytest.mark.parametrize("spoil", [
        lambda parts: parts[:1],
        lambda parts: [parts[0], parts[0]],
        lambda parts: [parts[0], {**parts[1], "etag": '"wrong"'}],
        lambda parts: [parts[0], {**parts[1], "part_number": 9}],
        lambda parts: [],
    ], ids=["part missing", "part twice", "wrong etag", "wrong number", "none"])
    def test_completion_needs_every_part_as_sent(self, api, folder, upload, spoil):
        created = upload("create", num_parts=2).json()
        parts = self.send_parts(created, [b"aa", b"bb"])
        completed = upload("complete", upload_id=created["upload_id"], parts=spoil(parts))
        assert 400 <= completed.status_code < 500, completed.text
        refusal(self.content(api, folder), ABSENT)

    def test_completion_in_another_folder(self, api, experiment, upload):
        created = upload("create", num_parts=1).json()
        parts = self.send_parts(created, [b"aa"])
        other = f"/api/2.0/mlflow-artifacts/mpu/complete/{experiment}/{api.new_run(experiment)}/artifacts"
        body = {"path": "up.bin", "upload_id": created["upload_id"], "parts": parts}
        assert 400 <= api.send("POST", other, body).status_code < 500

    @pytest.mark.parametrize("upload_id", [uuid.uuid4().hex, "../../x", "", "x" * 5000])
    def test_unknown_upload(self, upload, upload_id):
        part = {"part_number": 1, "etag": '"e"', "url": "http://127.0.0.1/"}
        assert 400 <= upload("complete", upload_id=upload_id, parts=[part]).status_code < 500
        assert 400 <= upload("abort", upload_id=upload_id).status_code < 500

    @pytest.mark.parametrize("num_parts", [0, -1, 10**9, "x", 1.5])
    def test_number_of_parts_has_bounds(self, upload, num_parts):
        refusal(upload("create", num_parts=num_parts), INVALID)

    @pytest.mark.parametrize("path", ["..", "../x/..", "", "a\0b"])
    def test_name_of_the_file(self, upload, path):
        refusal(upload("create", num_parts=1, path=path), INVALID)

    def test_url_of_a_part_cannot_be_altered(self, upload):
        created = upload("create", num_parts=2).json()
        url = created["credentials"][0]["url"]
        middle = len(url) * 3 // 4
        forged = url[:middle] + ("0" if url[middle] != "0" else "1") + url[middle + 1 :]
        for bad in (forged, url.split("?")[0] + "x", url[: len(url) - 3]):
            assert 400 <= requests.put(bad, data=b"x", timeout=60).status_code < 500, bad
