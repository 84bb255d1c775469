"""What there is to explain in the objects of an image, when they have masks."""

from __future__ import annotations

import torch
from torch import Tensor

from otx.core.masks import enlarge
from otx.core.saliency import ObjectSaliency
from otx.tasks.instance_segmentation.entity import InstanceSegBatchPredEntity


class MaskSaliency(ObjectSaliency):
    """As for boxes, but the outputs say of each pixel how sure they are of an object there."""

    found: InstanceSegBatchPredEntity

    def maps(self) -> Tensor:
        """Of each class the highest of score times confidence of the masks that were considered."""
        found = self.found
        maps_LHW = torch.zeros(len(self.labels), *self.size)
        rows = zip(found.masks[0], found.bboxes[0].tolist(), found.labels[0].tolist(), found.scores[0], strict=True)
        for mask_hw, box, label, score in rows:
            if label in self.labels:
                window, left, top = enlarge(mask_hw.as_subclass(Tensor).numpy(), box, self.size)
                height, width = window.shape
                part_HW = maps_LHW[self.labels.index(label), top : top + height, left : left + width]
                torch.maximum(part_HW, score * torch.from_numpy(window), out=part_HW)
        return maps_LHW
