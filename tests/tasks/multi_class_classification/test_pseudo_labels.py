"""What a classifier teaches about an image without a label."""

from __future__ import annotations

import torch

from otx.core.image_info import ImageInfo
from otx.tasks.multi_class_classification.decode import decode
from otx.tasks.multi_class_classification.pseudo_labels import pseudo_labels


def test_only_sure_images_are_kept_with_their_best_class() -> None:
    images = torch.arange(3).float().view(3, 1, 1, 1).expand(3, 3, 8, 8)
    infos = [ImageInfo(index=index, height=8, width=8) for index in range(3)]
    prediction = decode({"logits": torch.tensor([[0.1, 0.0], [0.0, 5.0], [9.0, 0.0]])}, images, infos)
    taught = pseudo_labels(prediction, 0.9)
    assert [info.index for info in taught.imgs_info] == [1, 2]
    assert taught.labels.tolist() == [1, 0]
    assert torch.equal(taught.images, images[[1, 2]])
    assert pseudo_labels(prediction, 1.0).batch_size == 0
