"""Writes the files of ../recorded anew from a running MLflow server.

    SLIPWAY_URL=http://127.0.0.1:5000 python record.py

Cases that were copied from traffic of the MLflow client are left as they are.
"""

import json
import os
from pathlib import Path
from urllib.parse import urlsplit

from api import Api
from cases import CASES
from replay import ask

FOLDER = Path(__file__).parent.parent / "recorded"
KEPT_HEADERS = ("content-type", "content-disposition", "content-range", "x-content-type-options", "x-frame-options")
LONGEST_TEXT, LONGEST_LIST = 300, 3


def main():
    api = Api(os.environ["SLIPWAY_URL"])
    for case in CASES:
        if not case.of_client:
            text = json.dumps(_record(api, case), indent=1, ensure_ascii=False)
            (FOLDER / f"{case.file}.json").write_text(text, encoding="utf-8")


def _record(api, case):
    response, body = ask(api, case)
    parts = urlsplit(response.request.url)
    sent = response.request.headers.get("Content-Type")
    return {
        "endpoint": f"{case.method} {_route(case)}",
        "recorded_path": _cut(parts.path + (f"?{parts.query}" if parts.query else "")),
        "request_headers": {**({"Content-Type": sent} if sent else {}), **case.headers},
        "request": _cut(body) if case.data is None else _text(case.data.decode()),
        "status": response.status_code,
        "response_headers": {k: response.headers[k] for k in KEPT_HEADERS if k in response.headers},
        "response": _answer(response),
    }


def _route(case):
    return case.path if case.path.startswith("/") else f"/api/2.0/mlflow/{case.path}"


def _answer(response):
    if not response.content:
        return None
    if response.headers.get("content-type", "").startswith("application/json"):
        return _cut(response.json())
    return _text(response.text)


def _text(text):
    return {"_text_head": text[:LONGEST_TEXT], "_len": len(text)}


def _cut(value):
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        return f"{value[:LONGEST_TEXT]}... {len(value) - LONGEST_TEXT} more"
    if isinstance(value, list):
        rest = len(value) - LONGEST_LIST
        return [_cut(item) for item in value[:LONGEST_LIST]] + ([f"... {rest} more"] if rest > 0 else [])
    if isinstance(value, dict):
        return {_cut(key): _cut(item) for key, item in value.items()}
    return value


if __name__ == "__main__":
    main()
