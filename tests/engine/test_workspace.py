"""Work dirs: made once, never overwritten, the latest is found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.runtime.conftest import write_classifier

from otx.core.errors import UserError
from otx.engine import Engine
from otx.engine.workspace import existing_workspace, new_workspace


@pytest.fixture(autouse=True)
def _in_tmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_latest_points_at_the_newest_run() -> None:
    first = new_workspace(None, "DETECTION", "torchvision/ssdlite")
    second = new_workspace(None, "DETECTION", "torchvision/ssdlite")
    assert first.root != second.root
    assert existing_workspace(None).root == second.root.resolve()


def test_a_folder_called_latest_stops_no_training(caplog: pytest.LogCaptureFixture) -> None:
    Path("otx-workspace/latest").mkdir(parents=True)
    with caplog.at_level("WARNING"):
        made = new_workspace(None, "DETECTION", "x/y")
    assert made.root.is_dir()
    assert f"--work_dir otx-workspace/{made.root.name}" in caplog.text
    assert not list(Path("otx-workspace").glob(".latest*"))


def test_two_processes_never_get_the_same_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    first = new_workspace(None, "DETECTION", "x/y")
    monkeypatch.setattr("time.strftime", lambda _: first.root.name.partition("-")[0])
    monkeypatch.setattr(Path, "exists", lambda _: False)  # as it was when the other one had not made it yet
    assert new_workspace(None, "DETECTION", "x/y").root != first.root


def test_a_file_of_a_model_gives_its_name_alone() -> None:
    assert new_workspace(None, "DETECTION", "/home/me/net.py:Net").root.name.endswith("-detection-net.py_Net")


def test_no_run_yet() -> None:
    with pytest.raises(UserError, match="otx train"):
        existing_workspace(None)
    with pytest.raises(UserError, match="found none"):
        existing_workspace(Path("nowhere"))


def test_a_run_is_never_overwritten() -> None:
    workspace = new_workspace(Path("mine"), "DETECTION", "x/y")
    workspace.plan.write_text("seed: {value: 0, origin: user}\n")
    with pytest.raises(UserError, match="--resume"):
        new_workspace(Path("mine"), "DETECTION", "x/y")


def test_environment_names_the_versions() -> None:
    workspace = new_workspace(Path("mine"), "DETECTION", "x/y")
    workspace.write_environment()
    assert '"torch"' in (workspace.root / "env.json").read_text()


@pytest.mark.parametrize(
    "verb",
    [
        lambda engine, model: engine.predict("missing", model),
        lambda engine, model: engine.explain("missing", model),
        lambda engine, model: engine.test(model),
        lambda engine, model: engine.benchmark(model),
        lambda engine, model: engine.benchmark(model, seconds=0),
        lambda engine, model: engine.optimize(model),
    ],
    ids=["predict", "explain", "test", "benchmark", "benchmark_0", "optimize"],
)
def test_a_verb_that_is_refused_makes_no_work_dir(verb: Callable[[Engine, Path], object]) -> None:
    model = write_classifier(Path("model.xml").absolute())
    with pytest.raises(UserError):
        verb(Engine(), model)
    assert {path.name for path in Path().iterdir()} == {"model.xml", "model.bin"}


def test_serving_makes_no_work_dir(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("otx.engine.serve.run_server", lambda service, host, port, started: started("http://here/"))
    result = Engine().serve(write_classifier(Path("model.xml").absolute()))
    assert result.url == "http://here/"
    assert {path.name for path in Path().iterdir()} == {"model.xml", "model.bin"}
