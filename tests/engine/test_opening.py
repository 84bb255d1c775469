"""A checkpoint or plan of a class in a file: that file is run only where the user names it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.engine.test_optimize import MODEL

from otx.core.errors import UserError
from otx.core.input_spec import InputSpec
from otx.core.label_info import LabelInfo
from otx.engine import Engine
from otx.engine.given import Given
from otx.engine.opening import locate, open_model
from otx.frameworks.build import build_model, find_row
from otx.recipes.plan import Plan
from otx.training.checkpoint import CheckpointMeta, save_model

REFUSED = r"is of evil\.py:Small, code that OTX runs only when you name it; if you trust it: --model evil\.py:Small"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A work dir whose checkpoint and plan are of `evil.py:Small`, which leaves `ran` where it is run."""
    monkeypatch.chdir(tmp_path)
    Path("evil.py").write_text(MODEL + "\nopen('ran', 'w').close()\n")
    row = find_row("evil.py:Small", "MULTI_CLASS_CLS")
    model, _ = build_model(row, LabelInfo(("a", "b")), InputSpec(height=32, width=32), pretrained=False)
    root = tmp_path / "run"
    save_model(root / "checkpoints/best.safetensors", model.state_dict(), CheckpointMeta.of(model, "evil.py:Small"))
    plan = Plan()
    plan.choose("model.name", "evil.py:Small", "tampered with")
    plan.write(root / "plan.yaml")
    monkeypatch.delitem(__import__("sys").modules, "otx_user_evil")
    Path("ran").unlink()
    return root


@pytest.mark.parametrize("verb", ["test", "predict", "export", "optimize", "explain", "benchmark", "serve"])
def test_no_verb_runs_the_code_that_a_checkpoint_names(run: Path, verb: str) -> None:
    words = ["input"] if verb in {"predict", "explain"} else []
    for model in (None, "timm/resnet18", "other.py:Small"):
        with pytest.raises(UserError, match=rf"best\.safetensors {REFUSED}"):
            getattr(Engine(model=model, work_dir=run), verb)(*words)
    assert not Path("ran").exists()


def test_a_resumed_plan_runs_no_code(run: Path) -> None:
    with pytest.raises(UserError, match=rf"plan\.yaml {REFUSED}"):
        Engine(work_dir=run).train(resume=True)
    assert not Path("ran").exists()


def test_the_named_file_is_run_wherever_it_lies(run: Path) -> None:
    Path("moved").mkdir()
    Path("evil.py").rename("moved/evil.py")
    opened = open_model(run / "checkpoints/best.safetensors", Given(settings={"model.name": "moved/evil.py:Small"}))
    assert (opened.name, Path("ran").exists()) == ("moved/evil.py:Small", True)


def test_a_model_object_runs_no_code(run: Path) -> None:
    row = find_row("evil.py:Small", "MULTI_CLASS_CLS")
    model, _ = build_model(row, LabelInfo(("a", "b")), InputSpec(height=32, width=32), pretrained=False)
    opened = open_model(run / "checkpoints/best.safetensors", Given(model=model))
    assert (opened.model, opened.row) == (model, None)


@pytest.mark.framework("timm")
def test_another_model_than_that_of_the_checkpoint_is_refused(tmp_path: Path) -> None:
    path, size = tmp_path / "best.safetensors", InputSpec(height=32, width=32)
    row = find_row("timm/resnet10t", "MULTI_CLASS_CLS")
    model, _ = build_model(row, LabelInfo(("a", "b")), size, pretrained=False)
    save_model(path, model.state_dict(), CheckpointMeta.of(model, "timm/resnet10t"))
    for name in ("timm/resnet18", "evil.py:Small"):
        with pytest.raises(UserError, match=rf"best\.safetensors is of timm/resnet10t, not of {name}"):
            open_model(path, Given(settings={"model.name": name}))
    assert open_model(path, Given(settings={"model.name": "timm/resnet10t"})).name == "timm/resnet10t"


def test_two_calls_in_the_same_second_share_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("time.strftime", lambda _: "20300101_000000")
    Path("model.xml").touch()
    first, _ = locate(None, Path("model.xml"))
    first.folder("predict")
    second, _ = locate(None, Path("model.xml"))
    assert (first.root.name, second.root.name) == ("20300101_000000-model", "20300101_000000-model-2")
