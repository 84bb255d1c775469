"""Clips show the frames that were asked for, whatever they are read from; what cannot be read is named."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests.generated import Picture, moving, number_of, paint, pictures, write_frames, write_videos

from otx.core.errors import MissingExtraError, UserError
from otx.core.input_spec import InputSpec
from otx.data.dataset import OTXDataset
from otx.data.images import BrokenImageError
from otx.data.index import build_index
from otx.data.media import media_below, media_head, media_picture, read_media
from otx.data.source import open_source
from otx.data.videos import CLIPS, BrokenVideoError, clip_positions, frame_files, read_clips
from otx.tasks.action_classification.demo import write_video
from otx.tasks.action_classification.reader import ActionClsReader

SPEC = InputSpec(height=40, width=64, frames=4, frame_step=3)


def numbers(clips: torch.Tensor) -> list[list[int]]:
    return [[number_of(frame.permute(1, 2, 0).numpy()) for frame in clip] for clip in clips]


def video(path: Path, frames: int, width: int = 64) -> Path:
    write_video(path, moving(frames, 40, width))
    return path


def frames(path: Path, count: int) -> Path:
    path.mkdir()
    for number, frame in enumerate(moving(count, 40, 64)):
        frame.save(path / f"img_{number}.png")  # without leading zeros: 10 comes after 9
    return path


@pytest.mark.parametrize("name", ["video.mp4", "video.avi", "video.mkv", "frames"])
def test_clips_are_spread_over_the_video(tmp_path: Path, name: str) -> None:
    path = frames(tmp_path / name, 30) if name == "frames" else video(tmp_path / name, 30)
    clips = read_media(path, SPEC)
    assert clips.shape == (CLIPS, 4, 3, 40, 64)
    assert numbers(clips) == [[0, 3, 6, 9], [10, 13, 16, 19], [20, 23, 26, 29]]
    assert media_head(path) == (40, 64, (3, "uint8"))


@pytest.mark.parametrize("name", ["long.mp4", "long.avi", "long.mkv", "long.m4v"])
def test_frames_far_apart_are_sought(tmp_path: Path, name: str) -> None:
    clips = read_clips(video(tmp_path / name, 250), 3, 120, random=False)
    assert numbers(clips) == [[0, 120, 240], [4, 124, 244], [9, 129, 249]]


def test_frames_may_be_deep(tmp_path: Path) -> None:
    (tmp_path / "clip").mkdir()
    for number in range(10):
        Image.fromarray(np.full((40, 64), 1000 * number, np.uint16)).save(tmp_path / "clip" / f"{number}.png")
    assert media_head(tmp_path / "clip") == (40, 64, (1, "uint16"))
    spec = replace(SPEC, channels=1, mean=(0.5,), std=(0.5,), dtype="uint16", max_value=65535.0)
    clips = read_media(tmp_path / "clip", spec)
    assert clips.shape == (CLIPS, 4, 1, 40, 64)
    assert clips[0, :, 0, 0, 0].tolist() == [0, 3000, 6000, 9000]


def test_a_video_is_turned_as_it_is_to_be_shown(tmp_path: Path) -> None:
    path = video(tmp_path / "a.mp4", 4)
    upright = read_media(path, SPEC)
    one, whole = b"\x00\x01\x00\x00", b"\x40\x00\x00\x00"
    matrix = one + bytes(12) + one + bytes(12) + whole
    quarter = bytes(4) + one + bytes(4) + b"\xff\xff\x00\x00" + bytes(16) + whole  # clockwise
    data = path.read_bytes()
    track = data.index(b"tkhd")
    path.write_bytes(data[:track] + data[track:].replace(matrix, quarter, 1))
    assert media_head(path)[:2] == (64, 40)
    assert torch.equal(read_media(path, SPEC), upright.rot90(-1, (-2, -1)))


def test_short_videos_are_spread_and_frames_repeated(tmp_path: Path) -> None:
    assert numbers(read_media(video(tmp_path / "short.mp4", 7), SPEC)) == [[0, 2, 4, 6]] * CLIPS
    assert numbers(read_media(video(tmp_path / "two.mp4", 2), SPEC)) == [[0, 0, 1, 1]] * CLIPS


def test_positions_stay_inside_and_random_clips_begin_anywhere() -> None:
    torch.manual_seed(0)
    starts = set()
    for _ in range(200):
        ((first, *_, last),) = clip_positions(20, 4, 3, random=True)
        starts.add(first)
        assert last == first + 9 < 20
    assert starts == set(range(11))
    for length in range(1, 40):
        for clip in clip_positions(length, 8, 2, random=False):
            assert clip == sorted(clip)
            assert clip[0] >= 0
            assert clip[-1] < length


def test_a_clip_is_a_function_of_seed_epoch_and_index(tmp_path: Path) -> None:
    made = [Picture(f"{label}{i}", "train", 40, 64, label=label) for label in ("a", "b") for i in range(2)]
    write_videos(tmp_path, made, frames=60)
    index = build_index(open_source(tmp_path), ActionClsReader(), on_bad_data="error", seed=0, split_file=None)
    items = [item for subset in index.subsets.values() for item in subset]

    def read(path: Path) -> torch.Tensor:
        return read_media(path, SPEC, random=True)

    def clip(seed: int, epoch: int) -> list[list[int]]:
        return numbers(OTXDataset(items, ActionClsReader(), lambda sample, _: sample, seed, read=read)[epoch, 0].image)

    assert clip(0, 0) == clip(0, 0)
    assert len({str(clip(0, epoch)) for epoch in range(6)} | {str(clip(1, 0))}) > 3


@pytest.mark.parametrize("cut", [0, 40, 0.5])
def test_a_broken_video_is_named(tmp_path: Path, cut: float) -> None:
    path = video(tmp_path / "cut.avi", 200)
    data = path.read_bytes()
    path.write_bytes(data[: int(cut if cut >= 1 else cut * len(data))])
    with pytest.raises(BrokenVideoError, match=r"cut\.avi: cannot be read as a video"):
        read_media(path, SPEC)


def test_what_is_no_video_is_named(tmp_path: Path) -> None:
    for name, reason in (("none.mp4", "no such file"), ("text.mp4", "Invalid data")):
        (tmp_path / "text.mp4").write_text("no video")
        for read in (media_head, lambda path: read_media(path, SPEC)):
            with pytest.raises(BrokenVideoError, match=f"{name}: cannot be read as a video: .*{reason}"):
                read(tmp_path / name)
    (tmp_path / "empty").mkdir()
    with pytest.raises(BrokenVideoError, match="there is no image in it"):
        read_media(tmp_path / "empty", SPEC)
    image = paint(tmp_path / "image.png", Picture("x", ""))
    with pytest.raises(BrokenImageError, match="the model takes clips of 4 frames; found a single image"):
        read_media(image, SPEC)


def test_frames_of_one_clip_are_of_one_size(tmp_path: Path) -> None:
    clip = frames(tmp_path / "clip", 10)
    Image.new("RGB", (8, 8)).save(clip / "img_3.png")
    with pytest.raises(BrokenVideoError, match="its frames differ in size"):
        read_media(clip, SPEC)


def test_broken_videos_are_treated_as_broken_images_are(tmp_path: Path) -> None:
    written = write_videos(tmp_path)
    broken = written.images["train_003"]
    broken.write_bytes(b"no video")
    source = open_source(tmp_path)
    with pytest.raises(UserError, match=r"train_003\.mp4: broken video"):
        build_index(source, ActionClsReader(), on_bad_data="error", seed=0, split_file=None)
    index = build_index(source, ActionClsReader(), on_bad_data="skip", seed=0, split_file=None)
    assert index.problems.counts() == {"broken video": 1}
    assert len(index.subsets["train"]) == 7


def test_links_out_of_a_clip_are_no_frames_of_it(tmp_path: Path) -> None:
    written = write_frames(tmp_path / "data", pictures()[:6])
    secret = paint(tmp_path / "secret.jpg", Picture("x", ""))
    clip = next(iter(written.images.values()))
    (clip / "frame_0009.jpg").symlink_to(secret)
    source = open_source(tmp_path / "data")
    assert source.format == "video_folders"
    assert [problem.kind for problem in source.problems.bad()] == ["path outside the data root"]
    assert numbers(read_clips(clip, 3, 99, random=True)) == [[0, 4, 7]]


def test_without_pyav_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = video(tmp_path / "a.mp4", 4)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for act in (lambda: media_head(path), lambda: write_video(path, moving(2))):
        with pytest.raises(MissingExtraError, match=r"'av' is not installed.*otx\[video\]"):
            act()


def test_what_a_model_takes_below_a_folder(tmp_path: Path) -> None:
    path, clip = video(tmp_path / "a.mp4", 4), frames(tmp_path / "clip", 4)
    (tmp_path / "notes").mkdir()
    assert media_below(tmp_path, SPEC) == [path, clip]
    assert media_below(clip, SPEC) == [clip]
    assert len(media_below(tmp_path, InputSpec(height=40, width=64))) == 4
    for name in ("clip/._1.png", "__MACOSX/a.mp4", ".hidden/a.png"):  # macOS writes the first two
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"no picture")
    assert media_below(tmp_path, SPEC) == [path, clip]
    assert len(media_below(tmp_path, InputSpec(height=40, width=64))) == 4
    assert len(frame_files(clip)) == 4


def test_the_picture_of_a_video_has_frames_from_all_of_it(tmp_path: Path) -> None:
    picture = np.asarray(media_picture(video(tmp_path / "a.mp4", 29)))
    gap = 1
    shown = [
        number_of(picture[y : y + 40, x : x + 64]) for y in (0, 40 + gap) for x in range(0, 4 * (64 + gap), 64 + gap)
    ]
    assert shown == [0, 4, 8, 12, 16, 20, 24, 28]


def test_heads_are_read_without_torch(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from otx.data.media import media_head; "
        "print(media_head(Path(sys.argv[1]))[:2], 'torch' in sys.modules)"
    )
    path = video(tmp_path / "a.mp4", 4)
    done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "(40, 64) False"
