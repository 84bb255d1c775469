"""State files and checkpoints: what goes in comes out, and what cannot be kept is refused."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_training import TinyClassifier, tiny_model

from otx.core.atomic import remove_partial, replacing, write_atomic
from otx.core.errors import UserError
from otx.core.label_info import LabelInfo
from otx.training.checkpoint import CheckpointMeta, load_model, read_meta, read_state, save_model
from otx.training.state_file import read_state as read_tree
from otx.training.state_file import write_state as write_tree


def test_a_state_comes_back_as_it_was(tmp_path: Path) -> None:
    image = torch.rand(2, 3, 4, 5).contiguous(memory_format=torch.channels_last)
    state = {
        "weights": OrderedDict(a=image, b=torch.tensor(3), empty=torch.zeros(0, 4)),
        "half": torch.rand(5).bfloat16(),
        "shared": [image, image],
        "by number": {0: {"step": torch.tensor(1.5)}, 1: None},
        "betas": (0.9, 0.999),
        "odd": {"@tensor": True, "infinite": float("inf")},
        "exact": 0.1 + 0.2,
    }
    write_tree(tmp_path / "x.safetensors", state)
    back = read_tree(tmp_path / "x.safetensors")

    assert back["by number"][0]["step"] == 1.5
    assert back["by number"][1] is None
    assert back["betas"] == (0.9, 0.999)
    assert back["odd"] == state["odd"]
    assert back["exact"] == state["exact"]
    assert torch.equal(back["half"], state["half"])
    assert back["half"].dtype == torch.bfloat16
    for tensor in (back["weights"]["a"], *back["shared"]):
        assert torch.equal(tensor, image)
        assert tensor.stride() == image.stride()
    assert back["weights"]["b"].shape == ()
    assert back["weights"]["empty"].shape == (0, 4)


@pytest.mark.parametrize("leaf", [object(), torch.float32, b"bytes", {1, 2}])
def test_what_is_neither_tensor_nor_json_is_refused_by_name(tmp_path: Path, leaf: Any) -> None:
    with pytest.raises(TypeError, match=rf"{type(leaf).__name__} at 'loops\.0\.strange'"):
        write_tree(tmp_path / "x.safetensors", {"loops": [{"strange": leaf}]})
    assert not list(tmp_path.iterdir())


def _fail_to_write(path: Path) -> None:
    with replacing(path) as partial:
        partial.write_text("new")
        msg = "full disk"
        raise OSError(msg)


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.txt"
    write_atomic(path, "old")
    with pytest.raises(OSError, match="full disk"):
        _fail_to_write(path)
    assert path.read_text() == "old"
    assert list(path.parent.iterdir()) == [path]


def test_what_a_kill_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / "best.safetensors.partial").touch()
    (tmp_path / "best.safetensors").touch()
    assert remove_partial(tmp_path) == ["best.safetensors.partial"]
    assert [path.name for path in tmp_path.iterdir()] == ["best.safetensors"]


def test_a_checkpoint_round_trip(tmp_path: Path) -> None:
    model = tiny_model().to(memory_format=torch.channels_last)
    path = tmp_path / "best.safetensors"
    meta = CheckpointMeta.of(model, "tiny/classifier", 3, {"accuracy": 0.5})
    save_model(path, model.state_dict(), meta)
    assert read_meta(path) == meta
    assert path.stat().st_mode == path.with_suffix(".json").stat().st_mode
    state = read_state(path)
    assert state.keys() == model.state_dict().keys()
    other = TinyClassifier()
    load_model(path, other)
    for name, tensor in other.state_dict().items():
        assert torch.equal(tensor, model.state_dict()[name]), name


def test_the_same_weights_make_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        model = tiny_model()
        save_model(tmp_path / f"{name}.safetensors", model.state_dict(), CheckpointMeta.of(model, "tiny/classifier"))
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_a_checkpoint_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "best.safetensors"
    save_model(path, tiny_model().state_dict(), CheckpointMeta.of(tiny_model(), "tiny/classifier"))
    with pytest.raises(UserError, match=r"tiny/classifier for 3 labels, which do not fit"):
        load_model(path, TinyClassifier(LabelInfo(("one", "two"))))


@pytest.mark.parametrize("content", [None, b"", b"no safetensors", b"\x02\0\0\0\0\0\0\0{}"])
def test_what_is_no_checkpoint_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "best.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match="none" if content is None else "not a checkpoint"):
        read_meta(path)
