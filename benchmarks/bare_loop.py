"""The training loop that anyone would write with PyTorch, torchvision and Pillow; `train_speed.py` runs against it.

FP32, AdamW, torch's DataLoader, no validation. Of OTX it uses nothing but the network of detectors, which transformers
builds and OTX only configures. Images of classification lie in `SPLIT/CLASS/`, of detection in `images/SPLIT` with
`annotations/instances_SPLIT.json`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchvision import datasets, tv_tensors
from torchvision.transforms import v2

CXCYWH, XYWH = tv_tensors.BoundingBoxFormat.CXCYWH, tv_tensors.BoundingBoxFormat.XYWH
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
TO_INPUT = [v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD)]


@dataclass
class Job:
    """What both arms are told.

    Attributes:
        data_root: Folder of the data set.
        model: Catalog name of OTX.
        size: (height, width) of the input.
        batch_size: Images per step.
        epochs: How often the training images are seen.
        lr: Of AdamW.
        seed: Of weights and order.
        workers: Processes that read images.
    """

    data_root: Path
    model: str
    size: tuple[int, int]
    batch_size: int
    epochs: int
    lr: float
    seed: int
    workers: int


def train(network: nn.Module, loader: Iterable[Any], loss: Callable[[Any], Tensor], job: Job, clip: float) -> float:
    """Train; returns the seconds of all epochs."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=job.lr)
    network.train()
    began = time.perf_counter()
    for _ in range(job.epochs):
        for batch in loader:
            optimizer.zero_grad()
            torch.autograd.backward(loss(batch))
            if clip:
                nn.utils.clip_grad_norm_(network.parameters(), clip)
            optimizer.step()
    return time.perf_counter() - began


def classification(job: Job) -> tuple[float, Callable[[], float]]:
    """Seconds of the training, and what gives the accuracy on the test images."""
    import timm

    augment = [v2.RandomResizedCrop(job.size, scale=(0.4, 1.0)), v2.RandomHorizontalFlip()]
    augment += [v2.ColorJitter(0.3, 0.3, 0.3), *TO_INPUT, v2.RandomErasing(0.25)]
    data = datasets.ImageFolder(str(job.data_root / "train"), v2.Compose(augment))
    network = timm.create_model(job.model.removeprefix("timm/"), num_classes=len(data.classes))
    criterion = nn.CrossEntropyLoss()
    loader = DataLoader(data, job.batch_size, shuffle=True, num_workers=job.workers)
    seconds = train(network, loader, lambda batch: criterion(network(batch[0]), batch[1]), job, clip=0.0)

    def accuracy() -> float:
        test = datasets.ImageFolder(str(job.data_root / "test"), v2.Compose([v2.Resize(job.size), *TO_INPUT]))
        network.eval()
        with torch.inference_mode():
            right = [network(images).argmax(1) == labels for images, labels in DataLoader(test, job.batch_size)]
        return float(torch.cat(right).float().mean())

    return seconds, accuracy


def detection(job: Job) -> tuple[float, Callable[[], float]]:
    """Seconds of the training, and what gives mAP50 on the test images."""
    from otx.core.input_spec import InputSpec
    from otx.core.label_info import LabelInfo
    from otx.frameworks.build import build_model, find_row

    augment = [v2.RandomPhotometricDistort(), v2.RandomIoUCrop(), v2.RandomHorizontalFlip(), v2.Resize(job.size)]
    data = _coco(job, "train", v2.Compose([*augment, v2.SanitizeBoundingBoxes(), *TO_INPUT]))
    numbers = {category: index for index, category in enumerate(sorted(data.coco.cats))}
    labels = LabelInfo(tuple(data.coco.cats[category]["name"] for category in numbers))
    spec: InputSpec = find_row(job.model, "DETECTION").input_spec.with_size(*job.size)
    network = build_model(find_row(job.model, "DETECTION"), labels, spec, pretrained=False)[0].model
    scale = torch.tensor([job.size[1], job.size[0], job.size[1], job.size[0]], dtype=torch.float32)

    def loss(batch: list[tuple[Tensor, dict[str, Any]]]) -> Tensor:
        targets = [
            {
                "class_labels": torch.tensor([numbers[int(label)] for label in target["labels"]], dtype=torch.int64),
                "boxes": v2.functional.convert_bounding_box_format(target["boxes"], new_format=CXCYWH).as_subclass(
                    Tensor
                )
                / scale,
            }
            for _, target in batch
        ]
        total: Tensor = network(pixel_values=torch.stack([image for image, _ in batch]), labels=targets).loss
        return total

    options: dict[str, Any] = {"num_workers": job.workers, "collate_fn": list}
    seconds = train(network, DataLoader(data, job.batch_size, shuffle=True, **options), loss, job, clip=0.1)
    return seconds, lambda: _mean_ap50(network, job, sorted(numbers, key=numbers.__getitem__))


def _coco(job: Job, split: str, transforms: v2.Compose) -> Any:  # noqa: ANN401 - torchvision wraps it in a private class
    file = job.data_root / "annotations" / f"instances_{split}.json"
    data = datasets.CocoDetection(str(job.data_root / "images" / split), str(file), transforms=transforms)
    return datasets.wrap_dataset_for_transforms_v2(data, target_keys=("image_id", "boxes", "labels"))


def _mean_ap50(network: nn.Module, job: Job, categories: list[int]) -> float:
    from pycocotools.cocoeval import COCOeval

    data = _coco(job, "test", v2.Compose([v2.Resize(job.size), *TO_INPUT]))
    network.eval()
    results = []
    for image, target in data:
        with torch.inference_mode():
            outputs = network(pixel_values=image[None])
        info = data.coco.imgs[target["image_id"]]
        boxes = tv_tensors.BoundingBoxes(outputs.pred_boxes[0], format=CXCYWH, canvas_size=(1, 1))
        corners = v2.functional.convert_bounding_box_format(boxes, new_format=XYWH).as_subclass(Tensor)
        pixels = corners * torch.tensor([info["width"], info["height"], info["width"], info["height"]])
        best = outputs.logits[0].sigmoid().flatten().topk(100)
        for score, place in zip(best.values.tolist(), best.indices.tolist(), strict=True):
            query, label = divmod(place, len(categories))
            found = {"image_id": target["image_id"], "category_id": categories[label], "score": score}
            results.append({**found, "bbox": pixels[query].tolist()})
    evaluation = COCOeval(data.coco, data.coco.loadRes(results), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return float(evaluation.stats[1])
