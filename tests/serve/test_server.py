"""`otx serve` as a process: many clients, some of them bad; a signal in the middle of a request; a real browser."""

from __future__ import annotations

import http.client
import io
import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.explain.conftest import MODELS

from otx.deploy.export import export

pytest.importorskip("uvicorn")
pytestmark = pytest.mark.slow  # each starts a process


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(MODELS["boxes"]().eval(), tmp_path_factory.mktemp("serve") / "model.xml")


@pytest.fixture
def server(detector: Path, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    command = [sys.executable, "-m", "otx", "serve", "--checkpoint", str(detector), "--port", "0"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    line = process.stderr.readline()
    found = re.search(r"is served at http://127.0.0.1:(\d+)/", line)
    assert found, line + process.stderr.read()
    yield process, int(found[1])
    process.kill()
    process.wait()


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    grey = np.full((64, 64, 3), 100, np.uint8)
    grey[32:48, 16:32] = (250, 10, 10)
    Image.fromarray(grey).save(tmp_path / "red.png")
    return tmp_path / "red.png"


def post(port: int, body: bytes) -> tuple[int, dict]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", "/predict", body)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def test_bad_and_huge_inputs_beside_good_ones_and_a_signal_in_the_middle(
    server: tuple[subprocess.Popen[str], int], picture: Path
) -> None:
    process, port = server
    stream = io.BytesIO()
    Image.new("L", (9000, 9000)).save(stream, "png")  # small as a file, 81 million pixels
    good = picture.read_bytes()
    bodies = {"good": good, "bad": b"GIF89a", "bomb": stream.getvalue(), "huge": bytes(40 * 2**20), "cut": good[:90]}
    expected = {"good": 200, "bad": 415, "bomb": 413, "huge": 413, "cut": 400}
    jobs = [name for name in bodies for _ in range(3)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda name: (name, post(port, bodies[name])), jobs))
    assert [(name, status) for name, (status, _) in answers] == [(name, expected[name]) for name in jobs]
    assert all(len(answer["objects"]) == 1 for name, (_, answer) in answers if name == "good")

    with socket.create_connection(("127.0.0.1", port), timeout=60) as slow:
        head = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: {len(good)}\r\n\r\n".encode()
        slow.sendall(head + good[:50])
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        slow.sendall(good[50:])
        assert slow.recv(65536).startswith(b"HTTP/1.1 200")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "is no longer served" in out
    assert "Traceback" not in err


def test_a_port_that_is_taken(server: tuple[subprocess.Popen[str], int], detector: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "otx", "serve", "--checkpoint", str(detector), "--port", str(server[1])]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: cannot listen on 127.0.0.1, port {server[1]}: ")
    server[0].send_signal(signal.SIGINT)
    assert server[0].wait(60) == 0


class Browser:
    """Chromium by the WebDriver protocol, which is JSON over HTTP."""

    def __init__(self, port: int, profile: Path) -> None:
        self._base = f"http://127.0.0.1:{port}"
        options = {"args": ["--headless", "--no-sandbox", f"--user-data-dir={profile}", "--window-size=900,1100"]}
        answer = self._ask("/session", {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}})
        self._base += f"/session/{answer['sessionId']}"

    def open(self, url: str) -> None:
        self._ask("/url", {"url": url})

    def type(self, selector: str, text: str) -> None:
        element = self._ask("/element", {"using": "css selector", "value": selector})
        self._ask(f"/element/{next(iter(element.values()))}/value", {"text": text})

    def run(self, script: str):
        return self._ask("/execute/sync", {"script": script, "args": []})

    def wait(self, script: str):
        end = time.monotonic() + 30
        while not (value := self.run(script)) and time.monotonic() < end:
            time.sleep(0.2)
        return value

    def _ask(self, path: str, content: dict):
        request = urllib.request.Request(self._base + path, json.dumps(content).encode())
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["value"]


def test_a_person_gives_an_image_to_the_page(
    server: tuple[subprocess.Popen[str], int], picture: Path, tmp_path: Path
) -> None:
    driver = shutil.which("chromedriver")
    if driver is None:
        pytest.skip("no chromedriver on this machine; Debian has it as chromium-driver")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen([driver, f"--port={port}"], stdout=subprocess.PIPE, text=True)
    while "started successfully" not in process.stdout.readline():
        assert process.poll() is None
    threading.Thread(target=process.stdout.read, daemon=True).start()
    try:
        browser = Browser(port, tmp_path / "profile")
        browser.open(f"http://127.0.0.1:{server[1]}/")
        browser.type("#file", str(picture))
        assert browser.wait("return document.querySelector('#picture').naturalWidth") >= 64
        assert browser.run("return document.querySelector('#found').innerText").startswith("red")
        (tmp_path / "bad.png").write_text("no image")
        browser.type("#file", str(tmp_path / "bad.png"))
        error = browser.wait("return document.querySelector('#error').textContent")
        assert error.startswith("expected the bytes of an image file")
        assert browser.run("return document.querySelector('#picture').hidden")
    finally:
        process.terminate()
        process.wait()
