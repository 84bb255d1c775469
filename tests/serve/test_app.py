"""The served model as clients see it: the same records as otx predict, and one line for whatever they do wrong."""

from __future__ import annotations

import asyncio
import base64
import io
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tests.explain.conftest import MODELS

from otx.core.errors import UserError
from otx.deploy.export import export
from otx.engine import Engine
from otx.runtime.exported import load_exported
from otx.serve.service import Limits, Service

fastapi_testclient = pytest.importorskip("fastapi.testclient")
LIMITS = Limits(bytes=200_000, pixels=10_000, waiting=0, upload_seconds=5)


def service_of(path: Path, **changes: Any) -> Service:
    model = load_exported(path, hint="THROUGHPUT")
    facts = {
        "name": "net", "task": model.spec, "labels": model.label_info, "spec": model.input_spec,
        "threshold": model.threshold, "new_run": model.new_run, "threads": 2, "limits": LIMITS,
    }  # fmt: skip
    return Service(**{**facts, **changes})


def client_of(service: Service) -> Any:
    from otx.serve.app import create_app

    return fastapi_testclient.TestClient(create_app(service), raise_server_exceptions=False)


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(MODELS["boxes"]().eval(), tmp_path_factory.mktemp("serve") / "model.xml")


@pytest.fixture
def client(detector: Path) -> Iterator[Any]:
    with client_of(service_of(detector)) as client:
        yield client


@pytest.fixture
def pixels() -> np.ndarray:
    """Twice the size of the model's input, grey with a red square."""
    grey = np.full((64, 64, 3), 100, np.uint8)
    grey[32:48, 16:32] = (250, 10, 10)
    return grey


def encoded(pixels: np.ndarray, kind: str = "png") -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


def request(pixels: np.ndarray, **changes: Any) -> dict[str, Any]:
    one = {"name": "image", "datatype": "UINT8", "shape": list(pixels.shape), "data": pixels.ravel().tolist()}
    return {"id": "7", "inputs": [one | changes]}


def test_an_upload_and_a_tensor_get_the_record_of_predict(
    client: Any, detector: Path, pixels: np.ndarray, tmp_path: Path
) -> None:
    (tmp_path / "red.png").write_bytes(encoded(pixels))
    result = Engine(work_dir=tmp_path / "run").predict(tmp_path / "red.png", detector)
    (expected,) = json.loads(result.predictions.read_text())
    assert expected["objects"][0]["label"] == "red"
    uploaded = client.post("/predict", content=encoded(pixels))
    assert uploaded.status_code == 200
    assert uploaded.json() == expected | {"image": ""}
    answer = client.post("/v2/models/net/infer", json=request(pixels[None])).json()
    (output,) = answer["outputs"]
    assert (answer["model_name"], answer["id"], output["shape"]) == ("net", "7", [1])
    assert json.loads(output["data"][0]) == expected | {"image": ""}


@pytest.mark.parametrize("kind", ["classes", "pixels", "anomaly", "masks"])
def test_every_task_is_drawn(kind: str, tmp_path: Path, pixels: np.ndarray) -> None:
    path = export(MODELS[kind]().eval(), tmp_path / "model.xml")
    with client_of(service_of(path)) as client:
        record = client.post("/predict?picture=true", content=encoded(pixels, "jpeg")).json()
    start, _, data = record["picture"].partition(",")
    assert start == "data:image/jpeg;base64"
    assert Image.open(io.BytesIO(base64.b64decode(data))).width >= 64
    if kind == "anomaly":
        assert record["anomaly_map"].startswith("data:image/png;base64,")


def test_health_names_and_metrics(client: Any) -> None:
    assert client.get("/v2").json()["name"] == "otx"
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").status_code == 200
    assert client.get("/v2/models/net/ready").json() == {"name": "net", "ready": True}
    (image,) = client.get("/v2/models/net").json()["inputs"]
    assert image == {"name": "image", "datatype": "UINT8", "shape": [-1, -1, -1, 3]}
    unknown = client.get("/v2/models/other")
    assert (unknown.status_code, unknown.json()) == (404, {"error": "there is no model 'other' here, only 'net'"})
    assert 'otx_answers_total{route="/v2/models/{name}",status="404"} 1.0' in client.get("/metrics").text
    page = client.get("/").text
    assert "red" in page
    assert "{{" not in page
    assert "http" not in page  # nothing comes from elsewhere


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"", 415, "expected the bytes of an image file (jpg, png, webp, bmp)"),
        (b"II*\0 a TIFF", 415, "expected the bytes of an image file"),
        (b"\x89PNG\r\n\x1a\nnonsense", 400, "cannot be read as an image"),
        (encoded(np.zeros((8, 8, 3), np.uint8), "jpeg")[:200], 400, "cannot be read as an image"),
        (encoded(np.zeros((101, 100, 3), np.uint8)), 413, "expected at most 10000 pixels, found 10100"),
        (bytes(300_000), 413, "expected at most 200000 bytes"),
    ],
)
def test_what_is_no_image_or_too_large_is_refused(client: Any, body: bytes, status: int, message: str) -> None:
    answer = client.post("/predict", content=body)
    assert (answer.status_code, list(answer.json())) == (status, ["error"])
    assert message in answer.json()["error"]
    assert "/tmp" not in answer.json()["error"]


ONE = np.zeros((1, 4, 4, 3), np.uint8)


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({}, 400, "KServe v2"),
        ([], 400, "KServe v2"),
        ({"inputs": [1]}, 400, "KServe v2"),
        (request(ONE, data=[[1, 2], [3]]), 400, "KServe v2"),
        (request(ONE, name="other"), 400, "found 'other'"),
        (request(ONE, datatype="FP32"), 400, "type UINT8"),
        (request(ONE, shape=[1, 3, 4, 4]), 400, "shape [N, H, W, 3]"),
        (request(ONE, shape=[1, 4, 5, 3]), 400, "48 values"),
        (request(ONE, shape=[-1, 4, -4, 3]), 400, "shape [N, H, W, 3]"),
        (request(ONE, data=[256] * 48), 400, "expected values of uint8"),
        (request(ONE, data=[0.5] * 48), 400, "expected values of uint8"),
        (request(ONE, data=["a"] * 48), 400, "expected values of uint8"),
        (request(np.zeros((4, 60, 50, 3), np.uint8)), 413, "10000 pixels, found 12000"),
        (request(np.zeros((257, 1, 1, 3), np.uint8)), 413, "at most 256 images, found 257"),
    ],
)
def test_a_wrong_tensor_is_refused(client: Any, body: Any, status: int, message: str) -> None:
    answer = client.post("/v2/models/net/infer", json=body)
    assert (answer.status_code, list(answer.json())) == (status, ["error"])
    assert message in answer.json()["error"]


def test_json_that_is_none_and_words_that_are_wrong(client: Any, pixels: np.ndarray) -> None:
    for body in (b"{", b"[" * 100_000, b"\xff"):
        assert client.post("/v2/models/net/infer", content=body).status_code == 400
    assert client.post("/predict?picture=perhaps", content=encoded(pixels)).status_code == 400
    assert client.get("/predict").status_code == 405
    assert client.get("/nowhere").json() == {"error": "Not Found"}


def test_a_defect_is_one_line_too(detector: Path, pixels: np.ndarray) -> None:
    def broken() -> Any:
        def run(images: torch.Tensor, info: Any) -> Any:
            raise RuntimeError("secret")

        return run

    with client_of(service_of(detector, new_run=broken)) as client:
        answer = client.post("/predict", content=encoded(pixels))
    assert answer.status_code == 500
    assert answer.json() == {"error": "a defect of the server: RuntimeError; its log says more"}


def test_a_server_that_is_told_to_stop_ends_after_the_image(detector: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    service, both_are_here, seen = service_of(detector, threads=1), Event(), []

    def last(self: Service, file: Path) -> dict[str, Any]:
        both_are_here.wait(10)
        seen.append(file)
        self.close()
        return {}

    monkeypatch.setattr(Service, "_predict", last)
    body = json.dumps(request(np.zeros((3, 4, 4, 3), np.uint8))).encode()
    running, waiting = (service.pool.submit(service.infer, body) for _ in range(2))
    both_are_here.set()
    with pytest.raises(UserError, match="told to stop"):
        running.result(10)
    assert waiting.cancelled()
    assert len(seen) == 1


def test_who_finds_too_many_before_is_told_to_come_back(
    detector: Path, pixels: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, go_on = Event(), Event()

    def slow(self: Service, data: bytes, *, picture: bool) -> dict[str, Any]:
        began.set()
        assert go_on.wait(30)
        return {"label": "late"}

    monkeypatch.setattr(Service, "upload", slow)
    body = encoded(pixels)
    with client_of(service_of(detector, threads=1)) as client, ThreadPoolExecutor(1) as other:
        first = other.submit(client.post, "/predict", content=body)
        assert began.wait(30)
        second = client.post("/predict", content=body)
        go_on.set()
        assert (second.status_code, second.headers["Retry-After"]) == (503, "1")
        assert "too many requests" in second.json()["error"]
        assert first.result(30).json() == {"label": "late"}


def test_an_onnx_file_is_served_like_an_ir(client: Any, pixels: np.ndarray, tmp_path: Path) -> None:
    path = export(MODELS["boxes"]().eval(), tmp_path / "model.onnx")
    expected = client.post("/predict", content=encoded(pixels)).json()
    with client_of(service_of(path)) as served:
        found = served.post("/predict", content=encoded(pixels)).json()
    assert [one["label"] for one in found["objects"]] == [one["label"] for one in expected["objects"]] != []
    for one, other in zip(found["objects"], expected["objects"], strict=True):
        assert [*one["bbox"], one["score"]] == pytest.approx([*other["bbox"], other["score"]], abs=0.02)


def test_a_body_that_does_not_arrive_is_given_up(detector: Path) -> None:
    from otx.serve.app import create_app

    app = create_app(service_of(detector, limits=replace(LIMITS, upload_seconds=0.05)))
    parts = iter([{"type": "http.request", "body": b"\x89PNG", "more_body": True}])
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return next(parts, None) or await asyncio.Future()

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "path": "/predict", "raw_path": b"/predict", "query_string": b"",
        "headers": [], "http_version": "1.1", "scheme": "http", "server": ("test", 80), "client": ("test", 1),
    }  # fmt: skip
    asyncio.run(asyncio.wait_for(app(scope, receive, send), 60))
    assert sent[0]["status"] == 408
    assert json.loads(sent[1]["body"]) == {"error": "the request did not arrive in 0.05 s"}


def test_models_of_clips_are_not_served(detector: Path) -> None:
    spec = replace(load_exported(detector).input_spec, frames=8)
    with pytest.raises(UserError, match="net looks at clips of 8 frames"):
        service_of(detector, spec=spec)
