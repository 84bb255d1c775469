"""The deployment bundle: all that somebody without OTX needs to run an exported model, proven like the model itself."""

from __future__ import annotations

import inspect
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

from PIL import Image

from otx.core.atomic import write_atomic
from otx.core.errors import OTXError, UserError
from otx.core.input_spec import RGB, InputSpec
from otx.core.task import TaskSpec
from otx.data.images import read_pixels
from otx.data.shards import read_data
from otx.deploy import runner
from otx.runtime.exported import ExportedModel, load_exported
from otx.runtime.metadata import served_name
from otx.runtime.stream import predict_files

REQUIREMENTS = ("openvino", "numpy", "opencv-python-headless")
CANDIDATES = 8
"""Pictures from which the test picture is taken: the one whose answer is the surest."""
SLACK = 0.02
"""How far a score, or the share of a region, may be from OTX's own: resized pixels differ by up to two of 255."""
IMPORT = re.compile(r"^from (otx\.\S+) import .*\n", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the model card tells beyond what the file knows.

    Attributes:
        data: Folder of the data set.
        images: Number of images by subset.
        metrics: Subset -> metric name -> value.
        parity: Content of `parity.json`.
        licences: Of code and weights, a line each.
    """

    data: str
    images: Mapping[str, int]
    metrics: Mapping[str, Mapping[str, float]]
    parity: Mapping[str, Any]
    licences: Sequence[str]


def require_bundle(task: TaskSpec, spec: InputSpec) -> None:
    """Make sure that the bundle's runner would be right about a model.

    Raises:
        UserError: It would not.
    """
    reasons = {
        f"{task.title} has no decoding in numpy": not task.plain,
        "it looks at clips": spec.frames > 1,
        "it wants tiles": spec.tile > 0,
        f"it takes {spec.pixels}, not {RGB}": spec.pixels != RGB,
    }
    found = [reason for reason, holds in reasons.items() if holds]
    if found:
        raise UserError(
            f"--bundle: there is no runner for this model, because {' and '.join(found)}. Export it without --bundle; "
            "docs/exported-model.md describes its inputs and outputs."
        )


def write_bundle(model: Path, pictures: Sequence[Path], facts: Facts) -> Path:
    """Write `bundle/` and `bundle.zip` beside an OpenVINO IR.

    Args:
        model: The `.xml`, which has passed its parity gate.
        pictures: To choose the test picture from.
        facts: For the model card.

    Returns:
        The zip file.

    Raises:
        UserError: The runner does not serve the model.
        OTXError: The runner does not give OTX's own answer; what was made stays as `bundle.unproven`.
    """
    exported = load_exported(model)
    require_bundle(exported.spec, exported.input_spec)
    target, folder = model.with_name("bundle"), model.with_name("bundle.unproven")
    clear_bundle(model)
    name = served_name(exported.info.model)
    served = folder / "model_repository" / name / "1"
    served.mkdir(parents=True)
    for file in (model, model.with_suffix(".bin")):
        shutil.copy(file, folder)
        shutil.copy(file, served)
    shutil.copytree(Path(__file__).with_name("cpp"), folder / "cpp")
    texts = {
        "run.py": runner_source(exported.spec),
        "requirements.txt": "".join(f"{package}=={metadata.version(package)}\n" for package in REQUIREMENTS),
        "labels.txt": "".join(f"{label}\n" for label in exported.label_info.names),
        "model_card.md": model_card(exported, facts),
        "model_repository/config.json": _json(
            {"model_config_list": [{"config": {"name": name, "base_path": f"/models/{name}"}}]}
        ),
    }
    for file_name, text in texts.items():
        write_atomic(folder / file_name, text)
    _prove(folder, exported, pictures)
    folder.replace(target)
    return Path(shutil.make_archive(str(target), "zip", target.parent, target.name))


def clear_bundle(model: Path) -> None:
    """Remove what belongs to an earlier model of that name."""
    model.with_name("bundle.zip").unlink(missing_ok=True)
    for name in ("bundle", "bundle.unproven"):
        shutil.rmtree(model.with_name(name), ignore_errors=True)


def runner_source(task: TaskSpec) -> str:
    """The text of `run.py`: `otx.deploy.runner` and the task's `plain`, with what that imports of OTX written out."""
    module, function = task.plain.split(":")
    source = inspect.getsource(import_module(module))
    parts = [inspect.getsource(import_module(name)) for name in IMPORT.findall(source)]
    bodies = [IMPORT.sub("", text).split("\n\n\n", maxsplit=1)[1].lstrip() for text in (*parts, source)]
    ending = f'if __name__ == "__main__":\n    main({function})\n'
    return "\n\n".join([inspect.getsource(runner), *bodies, ending])


def _prove(folder: Path, exported: ExportedModel, pictures: Sequence[Path]) -> None:
    """Give the bundle its test picture and OTX's answer, and hold the runner against it."""
    answers = {
        path: prediction.records(exported.label_info, exported.threshold)[0]
        for path, (_, prediction) in zip(pictures, predict_files(exported, pictures[:CANDIDATES]), strict=False)
    }
    surest = max(answers, key=lambda path: max(_values(answers[path]).values(), default=0.0))
    (folder / "test").mkdir()
    picture = folder / "test" / f"picture{surest.suffix}"
    picture.write_bytes(read_data(surest))
    Image.fromarray(read_pixels(surest)).save(picture.with_suffix(".ppm"))  # for the C++ example, which decodes nothing
    run = [sys.executable, "-I", "run.py", str(picture.relative_to(folder))]
    done = subprocess.run(run, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    if done.returncode:
        raise OTXError(f"the runner of the bundle fails: {done.stderr.strip()[-1000:]} The bundle stays as {folder}.")
    found = json.loads(done.stdout)[0]
    reasons = disagreements(answers[surest], found, exported.threshold)
    if reasons:
        msg = f"the runner of the bundle disagrees with OTX on {surest}: {'; '.join(reasons)}. It stays as {folder}."
        raise OTXError(msg)
    write_atomic(folder / "test" / "expected.json", _json([found]))


def disagreements(ours: Mapping[str, Any], theirs: Mapping[str, Any], threshold: float) -> list[str]:
    """In what two records of an image differ by more than `SLACK`.

    Args:
        ours: As OTX says.
        theirs: As the runner says.
        threshold: What a label that is missing may have at most.
    """
    sides = [_values(record) for record in (ours, theirs)]
    # Of many classes the five best are listed, so the sixth may be as good as the fifth.
    missing = threshold or min((value for side in sides for value in side.values()), default=0.0)
    pairs = {label: [side.get(label, missing) for side in sides] for label in {**sides[0], **sides[1]}}
    return [
        f"{label} {ours:.4f} and {theirs:.4f}" for label, (ours, theirs) in pairs.items() if abs(ours - theirs) > SLACK
    ]


def _values(record: Mapping[str, Any]) -> dict[str, float]:
    """The highest score, or the share of the image, of each label."""
    pixels = record["width"] * record["height"]
    values: dict[str, float] = {}
    for entry in (*record.get("labels", ()), *record.get("objects", ())):
        value = entry["score"] if "score" in entry else entry["area"] / pixels
        values[entry["label"]] = max(values.get(entry["label"], 0.0), value)
    return values


def model_card(exported: ExportedModel, facts: Facts) -> str:
    """What somebody who gets the bundle has to know of the model."""
    measured = [
        f"| {split} | {name} | {value:.4f} |"
        for split, values in facts.metrics.items()
        for name, value in values.items()
    ]
    template = Path(__file__).with_name("model_card.md").read_text(encoding="utf-8")
    return template.format(
        info=exported.info,
        title=exported.spec.title.lower(),
        spec=exported.input_spec,
        facts=facts,
        parity=facts.parity,
        count=len(exported.label_info),
        labels=", ".join(exported.label_info.names),
        images=", ".join(f"{count} {name}" for name, count in facts.images.items()),
        licences="\n".join(f"- **Licence**: {licence}" for licence in facts.licences),
        measured="\n".join(measured),
    )


def _json(content: object) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
