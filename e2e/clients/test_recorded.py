"""Every recorded exchange of MLflow's own server, asked again and compared by shape.

Compared are the status, the fields that must be present and their types, enum values, the error
code, and the headers of files. Values are not: they belong to the recording. Fields of our own are
welcome, except a page token where there was none.
"""

import json
import os
from pathlib import Path

import pytest

from api import STATUS, envelope
from cases import CASES
from replay import ask

FOLDER = Path(__file__).parent.parent / "recorded"
ENUMS = {"status", "lifecycle_stage", "error_code"}
OPTIONAL = {"sqlstate", "error_class", "workspace"}
NEVER_EXTRA = {"next_page_token"}
FILE_HEADERS = ("content-type", "content-disposition", "content-range", "x-content-type-options")
UPSTREAM = os.environ.get("UPSTREAM") == "1"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.file)
def test_answers_as_recorded(api, case):
    if case.without_multipart and api.server_info()["multipart_uploads_enabled"]:
        pytest.skip("the server takes multipart uploads")
    recorded = json.loads((FOLDER / f"{case.file}.json").read_text(encoding="utf-8"))
    response, _ = ask(api, case)
    if case.instead and not UPSTREAM and response.status_code != recorded["status"]:
        _check_deliberate_difference(response, case.instead)
    else:
        _check(response, recorded, allowed_instead={code for _, code in case.instead})


def test_every_recording_has_a_case():
    files = {path.stem for path in FOLDER.glob("*.json")}
    assert files == {case.file for case in CASES}


def _check_deliberate_difference(response, instead):
    code = None if response.status_code == 200 else envelope(response)["error_code"]
    assert (response.status_code, code) in instead, response.text


def _check(response, recorded, allowed_instead):
    assert response.status_code == recorded["status"], response.text
    answer = recorded["response"]
    if answer is None:
        assert response.text in ("", "{}"), response.text
    elif "_text_head" in answer:
        _check_text(response, recorded)
    elif "error_code" in answer:
        error = envelope(response)
        assert error["error_code"] in {answer["error_code"], *allowed_instead}, response.text
        assert error["message"]
    elif response.status_code >= 400:
        # A refusal by upstream's web framework, without MLflow's envelope.
        assert UPSTREAM or envelope(response)["error_code"] in STATUS, response.text
    else:
        assert response.headers["Content-Type"].startswith("application/json")
        differences = list(_differences(answer, response.json(), "$"))
        assert not differences, "\n".join([*differences, response.text[:2000]])


def _check_text(response, recorded):
    if response.status_code >= 400:
        assert UPSTREAM or envelope(response)["error_code"] in STATUS
        return
    assert response.text
    for name in FILE_HEADERS:
        expected = recorded["response_headers"].get(name)
        if expected and not expected.startswith("text/html"):
            assert _bare(response.headers.get(name)) == _bare(expected), name


def _bare(header):
    """A header value without its charset parameter."""
    return header and header.split("; charset")[0]


def _differences(expected, actual, where):
    """Descriptions of where the actual value lacks the shape of the expected one."""
    if isinstance(expected, dict):
        yield from _dict_differences(expected, actual, where)
    elif isinstance(expected, list):
        yield from _list_differences(expected, actual, where)
    elif _kind(expected) != _kind(actual) and not (_kind(expected) == "number" and _kind(actual) == "integer"):
        yield f"{where}: expected {_kind(expected)}, not {actual!r}"


def _dict_differences(expected, actual, where):
    if not isinstance(actual, dict):
        yield f"{where}: expected an object, not {actual!r}"
        return
    for key in NEVER_EXTRA & (actual.keys() - expected.keys()):
        yield f"{where}.{key} is there"
    for key, value in expected.items():
        if key not in actual:
            if key not in OPTIONAL:
                yield f"{where}.{key} is missing"
        elif key in ENUMS and isinstance(value, str) and value != actual[key]:
            yield f"{where}.{key}: expected {value}, not {actual[key]!r}"
        else:
            yield from _differences(value, actual[key], f"{where}.{key}")


def _list_differences(expected, actual, where):
    if not isinstance(actual, list):
        yield f"{where}: expected a list, not {actual!r}"
        return
    for item in expected:
        if isinstance(item, str) and item.startswith("... "):
            continue
        candidates = [list(_differences(item, other, f"{where}[]")) for other in actual]
        if not candidates:
            yield f"{where} is empty"
        elif all(candidates):
            yield from min(candidates, key=len)


def _kind(value):
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    return type(value).__name__
