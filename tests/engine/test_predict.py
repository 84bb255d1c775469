"""`otx predict` on videos: frames are images, what breaks keeps what was before, and one video comes out for each."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from tests.generated import moving
from tests.runtime.conftest import write_classifier

from otx.cli.main import main
from otx.core.errors import UserError
from otx.data.frames import Frame, is_live, read_frames
from otx.engine import Engine
from otx.engine import predict as predict_module
from otx.tasks.action_classification.demo import write_video


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_classifier(tmp_path / "model.xml")


def records(run: Path) -> list[dict]:
    return json.loads((run / "predict/predictions.json").read_text())


def frames_of(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


@pytest.mark.parametrize("name", ["clip.mp4", "clip.avi", "clip.mkv", "clip.mov"])
def test_frames_of_a_video_are_predicted_like_the_same_pixels_in_files(tmp_path: Path, model: Path, name: str) -> None:
    clip, folder = tmp_path / name, tmp_path / "frames"
    write_video(clip, moving(30, 40, 64))
    folder.mkdir()
    for number, pixels in enumerate(frames_of(clip)):
        Image.fromarray(pixels).save(folder / f"{number:06}.png")
    result = Engine(work_dir=tmp_path / "video").predict(clip, model)
    Engine(work_dir=tmp_path / "files").predict(folder, model)
    assert (result.images, result.note, result.skipped) == (30, "", [])
    found, expected = records(tmp_path / "video"), records(tmp_path / "files")
    assert [one.pop("image") for one in found] == [f"{clip}#{number:06}" for number in range(30)]
    assert found == [{key: one[key] for key in one if key != "image"} for one in expected]
    assert len(frames_of(tmp_path / "video/predict/clip.mp4")) == 30
    assert not list((tmp_path / "video/predict").glob("*.jpg"))


def test_a_pattern_takes_images_and_videos(tmp_path: Path, model: Path) -> None:
    for name in ("a.mp4", "c.webm.mkv"):
        write_video(tmp_path / name, moving(5, 40, 64))
    Image.new("RGB", (31, 21)).save(tmp_path / "b.png")
    Engine(work_dir=tmp_path / "run").predict(f"{tmp_path}/[abc].*", model)
    names = [Path(one["image"]).name for one in records(tmp_path / "run")]
    assert names == [*(f"a.mp4#{n:06}" for n in range(5)), "b.png", *(f"c.webm.mkv#{n:06}" for n in range(5))]
    written = {path.name for path in (tmp_path / "run/predict").iterdir()}
    assert written == {"a.mp4", "b.jpg", "c.webm.mp4", "predictions.json"}


def test_pictures_need_not_be_drawn(tmp_path: Path, model: Path) -> None:
    Image.new("RGB", (31, 21)).save(tmp_path / "b.png")
    result = Engine(work_dir=tmp_path / "run").predict(tmp_path, model, pictures=False)
    assert result.pictures is None
    assert list((tmp_path / "run/predict").iterdir()) == [result.predictions]
    assert Engine(work_dir=tmp_path / "run").predict(tmp_path, model).pictures == result.predictions.parent
    assert len(list((tmp_path / "run/predict").iterdir())) == 2


def test_the_users_pictures_are_not_drawn_over(tmp_path: Path, model: Path) -> None:
    own = tmp_path / "predict/a.jpg"
    own.parent.mkdir()
    Image.new("RGB", (31, 21)).save(own)
    (tmp_path / "link.jpg").symlink_to(own)
    before = own.read_bytes()
    for source in (own.parent, own, f"{tmp_path}/predict/*", tmp_path / "link.jpg"):
        with pytest.raises(UserError, match=r"lies in .*/predict, where this command writes: name another --work_dir"):
            Engine(work_dir=tmp_path).predict(source, model)
    assert list(own.parent.iterdir()) == [own]
    assert own.read_bytes() == before


def test_a_name_that_is_not_utf8_stays_itself(tmp_path: Path, model: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "pictures" / "caf\udce9.png"
    file.parent.mkdir()
    Image.new("RGB", (31, 21)).save(file)
    words = ["predict", "--input", file.parent, "--checkpoint", model, "--work_dir", tmp_path / "run", "--json"]
    with pytest.raises(SystemExit) as stop:
        main([str(word) for word in words])
    assert stop.value.code == 0
    assert json.loads(capfd.readouterr().out)["images"] == 1
    assert records(tmp_path / "run")[0]["image"] == str(file)


def test_drawn_pictures_are_no_input_of_the_next_call(tmp_path: Path, model: Path) -> None:
    Image.new("RGB", (31, 21)).save(tmp_path / "b.png")
    for _ in range(2):
        assert Engine(work_dir=tmp_path / "run").predict(tmp_path, model).images == 1
        assert Engine(work_dir=tmp_path / "run").predict(f"{tmp_path}/**/*.*", model).images == 1


def test_a_cut_video_keeps_what_was_readable_and_says_so(tmp_path: Path, model: Path) -> None:
    clip = tmp_path / "cut.avi"
    noise = np.random.default_rng(0).integers(0, 256, (100, 40, 64, 3), dtype=np.uint8)
    write_video(clip, [Image.fromarray(pixels) for pixels in noise])
    data = clip.read_bytes()
    clip.write_bytes(data[: len(data) // 2])
    result = Engine(work_dir=tmp_path / "run").predict(clip, model)
    assert 10 < result.images < 90
    assert f"{clip}: cannot be read as a video: it ends after" in result.note
    assert f"the {result.images} frames before are kept" in result.note
    assert len(records(tmp_path / "run")) == len(frames_of(tmp_path / "run/predict/cut.mp4")) == result.images


def test_ctrl_c_keeps_what_was_done(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(source: str):
        for number in range(200):
            yield Frame(source, number, Fraction(10), np.full((41, 63, 3), number, np.uint8))
        raise KeyboardInterrupt

    monkeypatch.setattr(predict_module, "read_frames", interrupted)
    result = Engine(work_dir=tmp_path / "run").predict("camera:0", model)
    assert result.note == f"stopped by Ctrl-C: the predictions on the {result.images} images before are kept"
    assert 0 < len(records(tmp_path / "run")) == result.images <= 200
    assert len(frames_of(tmp_path / "run/predict/camera:0.mp4")) == result.images


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("missing.mp4", "found no image or video at .*missing.mp4"),
        ("text.mp4", "text.mp4: cannot be read as a video: .*Invalid data"),
        ("camera:97", "camera:97: cannot be read as a video: there is no /dev/video97"),
        ("http://me:secret@127.0.0.1:9/x", "^http://127.0.0.1:9/x: cannot be read as a video: .*refused"),
    ],
)
def test_what_cannot_be_opened_is_named(tmp_path: Path, model: Path, source: str, message: str) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(UserError, match=message) as caught:
        Engine(work_dir=tmp_path / "run").predict(source if is_live(source) else tmp_path / source, model)
    assert "secret" not in str(caught.value)
    assert not (tmp_path / "run/predict/predictions.json").exists()


def test_sound_alone_is_no_video(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "sound.mkv"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        sound.rate = 8000
        container.mux(stream.encode(sound))
    with pytest.raises(UserError, match=r"sound\.mkv: cannot be read as a video: it has no pictures"):
        next(read_frames(tmp_path / "sound.mkv"))


def test_a_threshold_that_no_score_reaches_is_refused() -> None:
    with pytest.raises(UserError, match="--threshold: expected a score from 0 to 1, found 50"):
        Engine().predict("missing", threshold=50)
