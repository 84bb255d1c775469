"""A torch Dataset of your own: samples that come from no file, here discs of one colour to be found."""

from pathlib import Path

import torch
from torch.utils.data import Dataset
from torchvision import tv_tensors

from otx.core.image_info import ImageInfo
from otx.data.own import OwnData
from otx.engine import Engine
from otx.tasks.detection.entity import DetDataEntity

SIDE = 96
COLOURS = {"red": (220, 40, 40), "blue": (40, 40, 220)}


class Discs(Dataset):
    """Images with one disc each; the same index always gives the same one."""

    def __init__(self, count, seed):
        self.count, self.seed = count, seed

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        if index >= self.count:
            raise IndexError(index)
        random = torch.Generator().manual_seed(self.seed * 10_000 + index)
        label = int(torch.randint(len(COLOURS), (), generator=random))
        radius, x, y = (
            int(torch.randint(low, high, (), generator=random)) for low, high in ((12, 24), (24, 72), (24, 72))
        )
        rows, columns = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
        image = torch.randint(90, 140, (3, SIDE, SIDE), dtype=torch.uint8, generator=random)
        disc = (rows - y) ** 2 + (columns - x) ** 2 < radius**2
        image[:, disc] = torch.tensor(list(COLOURS.values())[label], dtype=torch.uint8)[:, None]
        box = torch.tensor([[x - radius, y - radius, x + radius, y + radius]])
        return DetDataEntity(
            image=tv_tensors.Image(image),
            img_info=ImageInfo(height=SIDE, width=SIDE),
            bboxes=tv_tensors.BoundingBoxes(box, format="XYXY", canvas_size=(SIDE, SIDE)),
            labels=torch.tensor([label]),
        )


def main(work_dir: Path = Path("own-data"), *, images: int = 64, epochs: int = 12) -> None:
    """Train a detector on them, and bring it to OpenVINO."""
    data = OwnData(task="DETECTION", labels=tuple(COLOURS), train=Discs(images, 1), val=Discs(16, 2), test=Discs(16, 3))
    engine = Engine(data=data, pretrained=False, work_dir=work_dir)
    engine.train(max_epochs=epochs)
    print(engine.test(engine.export().model).metrics)


if __name__ == "__main__":
    main()
