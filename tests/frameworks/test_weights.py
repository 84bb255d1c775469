"""Weight files: from the caches, from the network, from the user."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from otx.core.catalog import Weights
from otx.core.errors import UserError
from otx.frameworks import weights as module
from otx.frameworks.weights import fetch, read_file

HUB = Weights(hub="somebody/net", licence="MIT", trained_on="x")


def torchvision_file(folder: Path, content: object) -> Weights:
    """Save under a name that ends in the digits of its own hash, as torchvision does."""
    draft = folder / "draft.pth"
    torch.save(content, draft)  # noqa: TID251
    name = f"net-{hashlib.sha256(draft.read_bytes()).hexdigest()[:8]}.pth"
    draft.rename(folder / name)
    return Weights(url=f"https://example.invalid/{name}", licence="MIT", trained_on="x")


def test_cached_hub_weights_need_no_network(hub: Path, fill_hub) -> None:
    fill_hub("somebody/net", {"a": torch.arange(3.0)})
    assert torch.equal(fetch(HUB)["a"], torch.arange(3.0))


def test_offline_and_not_cached_says_what_to_do(hub: Path) -> None:
    with pytest.raises(UserError, match=r"somebody/net.*not in the cache.*--pretrained false.*--pretrained PATH"):
        fetch(HUB)


def test_a_failing_download_says_what_to_do(torch_hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        msg = "no route to host"
        raise OSError(msg)

    monkeypatch.setattr(torch.hub, "download_url_to_file", fail)
    row = Weights(torchvision="ResNet18_Weights.IMAGENET1K_V1", licence="MIT", trained_on="x")
    with pytest.raises(UserError, match=r"ResNet18_Weights.*no route to host.*--pretrained false"):
        fetch(row)


def test_a_download_is_kept(torch_hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = torchvision_file(tmp_path, {"a": torch.ones(2)})
    source = tmp_path / row.url.rsplit("/", 1)[-1]
    monkeypatch.setattr(
        torch.hub,
        "download_url_to_file",
        lambda url, path, hash_prefix, progress: Path(path).write_bytes(source.read_bytes()),
    )
    assert torch.equal(fetch(row)["a"], torch.ones(2))
    source.unlink()
    assert torch.equal(fetch(row)["a"], torch.ones(2))


def test_a_damaged_cached_file_is_refused(torch_hub: Path) -> None:
    row = torchvision_file(torch_hub, {"a": torch.ones(2)})
    assert torch.equal(fetch(row)["a"], torch.ones(2))
    with (torch_hub / row.url.rsplit("/", 1)[-1]).open("ab") as stream:
        stream.write(b"x")
    with pytest.raises(UserError, match="is damaged: expected a SHA-256"):
        fetch(row)


def test_an_address_without_digits_is_refused(torch_hub: Path) -> None:
    (torch_hub / "net.pth").touch()
    with pytest.raises(UserError, match="first digits of its SHA-256"):
        fetch(Weights(url="https://example.invalid/net.pth", licence="MIT", trained_on="x"))


def test_exactly_one_place() -> None:
    with pytest.raises(UserError, match="exactly one of"):
        Weights(hub="a/b", url="https://example.invalid/x.pth", licence="MIT", trained_on="x")
    with pytest.raises(UserError, match="exactly one of"):
        Weights(licence="MIT", trained_on="x")


@pytest.mark.parametrize("wrapper", [None, *module.WRAPPERS])
def test_state_dicts_of_training_scripts(tmp_path: Path, wrapper: str | None) -> None:
    state = {"a": torch.ones(2), "epoch": torch.tensor(3)}
    torch.save({wrapper: state, "epoch": 3} if wrapper else state, tmp_path / "x.pth")  # noqa: TID251
    assert set(read_file(tmp_path / "x.pth")) == {"a", "epoch"}


class Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (Path("ran"),))


def test_a_pickle_is_not_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"a": Evil()}, "evil.pth")  # noqa: TID251
    Path("plain.pth").write_bytes(pickle.dumps(Evil()))
    for name in ("evil.pth", "plain.pth"):
        with pytest.raises(UserError, match="holds more than tensors"):
            read_file(Path(name))
    assert not Path("ran").exists()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.onnx", b"", "expected a weight file"),
        ("x.safetensors", b"not one", "damaged"),
        ("x.pth", b"not one", "damaged"),
    ],
)
def test_wrong_files(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message):
        read_file(tmp_path / name)


def test_no_file_and_no_tensors(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no weight file"):
        read_file(tmp_path / "x.pth")
    torch.save({"epoch": 3}, tmp_path / "x.pth")  # noqa: TID251
    with pytest.raises(UserError, match="found no tensors"):
        read_file(tmp_path / "x.pth")
    save_file({"a": torch.ones(1)}, tmp_path / "x.safetensors")
    assert list(read_file(tmp_path / "x.safetensors")) == ["a"]
