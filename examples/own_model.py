"""A network of your own: in one file for `--model`, and as an object for the Engine."""

import sys
from pathlib import Path

from torch import nn

from otx.core.input_spec import InputSpec
from otx.core.label_info import LabelInfo
from otx.engine import Engine
from otx.tasks.multi_class_classification.model import OTXMultiClassClsModel


class ColourCounts(OTXMultiClassClsModel):
    """Judges an image by the colours of its sixteen parts."""

    default_input = InputSpec(height=32, width=32)

    def create_model(self):
        return nn.Sequential(
            nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(48, 64), nn.ReLU(), nn.Linear(64, len(self.label_info))
        )

    def customize_inputs(self, batch):
        return {"input": self.normalize(batch.images)}


def main(data_root: Path, work_dir: Path = Path("own-model")) -> None:
    """Train an object on a folder with one subfolder a class, and bring it to OpenVINO."""
    labels = LabelInfo(tuple(Engine(data_root).check().report["labels"]))
    engine = Engine(data_root, model=ColourCounts(labels, ColourCounts.default_input), work_dir=work_dir)
    engine.train(max_epochs=3)
    print(engine.test(engine.export().model).metrics)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
