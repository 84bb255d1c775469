"""Wrong commands: one clear line on stderr, nothing on stdout, the right exit status."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

from otx.cli.main import main
from otx.core.errors import OTXError
from otx.engine import Engine


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as stop:
        main(words)
    return int(stop.value.code or 0)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("trian", "unknown verb 'trian'. Did you mean 'train'?"),
        ("frobnicate", "unknown verb 'frobnicate'. Known: benchmark, check, "),
        ("train --data-root x", "unknown option --data-root. Did you mean '--data_root'?"),
        ("train --datarot x", "unknown option --datarot. Did you mean '--data_root'?"),
        ("train --data_ro x", "unknown option --data_ro. Did you mean '--data_root'?"),
        ("train my_data", "expected an option, got 'my_data'. Did you mean --data_root my_data?"),
        ("train --max_epochs many", "--max_epochs: expected a whole number, got 'many'"),
        ("train --max_epochs 1.5", "--max_epochs: expected a whole number, got '1.5'"),
        ("train --max_epochs", "--max_epochs: expected a whole number, got nothing"),
        ("train --seed --json", "--seed: expected a whole number, got nothing"),
        ("train --seed 1 --seed 2", "--seed is given twice"),
        ("train --resume=yes", "--resume: expected no value, got 'yes'"),
        ("train --device gpu", "--device: expected auto, cpu, xpu or cuda, got 'gpu'"),
        ("train --set max_epoch", "--set: expected KEY=VALUE, got 'max_epoch'"),
        (
            "train --set training.max_epoch=3",
            "unknown setting 'training.max_epoch'. Did you mean 'training.max_epochs'?",
        ),
        ("export --max_drop little", "--max_drop: expected a number, got 'little'"),
        (
            "predict",
            "expected --input FILE|DIR|GLOB|URL (pictures or videos, a folder or a pattern in quotes, camera:0 or an ",
        ),
        ("find --task DETECTON", "unknown task 'DETECTON'. Did you mean 'DETECTION'?"),
        ("check --data_root nowhere", "there is no data root"),
        ("demo --task CHESS", "unknown task 'CHESS'."),
    ],
)
def test_a_wrong_command_is_one_clear_line(command: str, message: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(*command.split()) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert message in err
    assert "Traceback" not in err


def fail_with(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def export(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(Engine, "export", export)
    monkeypatch.setattr(Engine, "train", export)


def test_failed_work_exits_with_1(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    fail_with(monkeypatch, OTXError("parity [failed]"))
    assert run("export") == 1
    assert capfd.readouterr().err == "error: parity [failed]\n"


def test_a_defect_says_how_to_see_the_traceback(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    fail_with(monkeypatch, RuntimeError("tensor [3] is odd"))
    assert run("export") == 1
    err = capfd.readouterr().err
    assert "RuntimeError: tensor [3] is odd" in err
    assert "OTX_DEBUG=1" in err
    assert "Traceback" not in err


def test_a_place_that_cannot_be_written_to_is_no_defect(
    cats_and_dogs: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert run("check", "--data_root", str(cats_and_dogs), "--work_dir", str(tmp_path / "file")) == 2
    last = capfd.readouterr().err.splitlines()[-1]
    assert last == f"error: {tmp_path}/file/data: Not a directory (OTX_DEBUG=1 shows the traceback)"


@pytest.mark.parametrize("error", [OTXError("expected"), OSError("disk"), RuntimeError("unexpected")])
def test_debugging_shows_the_traceback(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    fail_with(monkeypatch, error)
    monkeypatch.setenv("OTX_DEBUG", "1")
    with pytest.raises(type(error)):
        main(["export"])


@pytest.mark.parametrize(
    ("words", "then"),
    [
        ("train --work_dir run", ". Go on with: otx train --work_dir run --resume"),
        ("train --work_dir=run", ". Go on with: otx train --work_dir=run --resume"),
        ("train --resume", ". Go on with: otx train --resume"),
        ("train --data_root data", ""),
    ],
)
def test_an_interrupted_training_says_how_to_go_on_where_it_is_known(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], words: str, then: str
) -> None:
    fail_with(monkeypatch, KeyboardInterrupt())
    assert run(*words.split()) == 130
    assert capfd.readouterr().err == f"interrupted{then}\n"


def test_a_training_that_stopped_in_order_is_no_error(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    class StoppedError(OTXError):
        """As `otx.training.fit.InterruptedTrainingError`, without the weight of training."""

        exit_status = 130

    fail_with(monkeypatch, StoppedError("stopped with 2 of 5 epochs kept"))
    assert run("train") == 130
    assert capfd.readouterr().err == "interrupted: stopped with 2 of 5 epochs kept\n"


def test_interrupting_another_verb_is_quiet(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    fail_with(monkeypatch, KeyboardInterrupt())
    assert run("export") == 130
    assert capfd.readouterr().err == "interrupted\n"


def test_demo_data_never_mixes_with_other_files(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    assert run("demo", "--only_data", str(tmp_path)) == 2
    assert "expected a new or empty folder" in capfd.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_every_verb_has_a_module_with_what_main_needs() -> None:
    from otx.cli.verbs import VERBS

    for verb in VERBS:
        module = importlib.import_module(f"otx.cli.{verb}")
        assert callable(module.run)
        assert module.EXAMPLES
