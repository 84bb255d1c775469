"""The typed base of every semantic segmenter: an adapter gives logits, the rest is done here.

An adapter of a network family writes `create_model`, `customize_inputs(batch)` (the arguments of the network, from the
pixels alone) and, if the network does not return plain logits, `raw_outputs`; `losses` if cross-entropy with Dice is
not what it wants; and `label_layers`, where rows of the head can be kept for another label set.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from otx.core.decoded_model import OTXDecodedModel
from otx.core.masks import IGNORED
from otx.core.task import OTXTaskType
from otx.tasks.semantic_segmentation.decode import decode
from otx.tasks.semantic_segmentation.entity import SegBatchDataEntity, SegBatchPredEntity


class OTXSegmentationModel(OTXDecodedModel[SegBatchDataEntity, SegBatchPredEntity]):
    """A semantic segmenter of any framework."""

    task = OTXTaskType.SEMANTIC_SEGMENTATION
    batch_type = SegBatchDataEntity
    decode = staticmethod(decode)

    def losses(self, outputs: Any, batch: SegBatchDataEntity) -> dict[str, Tensor]:  # noqa: ANN401
        """Cross-entropy and Dice of what the network returned in training mode; ignored pixels count in neither.

        In the cross-entropy a class weighs as the square root of its share of the batch's pixels, and not as the share:
        otherwise nothing but the largest is learned at first.
        """
        logits = self.raw_outputs(outputs, batch.images)["logits"].float()
        truth = torch.stack([mask.as_subclass(Tensor) for mask in batch.masks]).long()
        known = truth != IGNORED
        counts_C = torch.bincount(truth[known], minlength=logits.shape[1])
        weights_C = counts_C.clamp_min(1).float().rsqrt()
        summed = F.cross_entropy(logits, truth, weight=weights_C, ignore_index=IGNORED, reduction="sum")
        cross_entropy = summed / (weights_C * counts_C).sum().clamp_min(1e-6)
        return {"cross_entropy": cross_entropy, "dice": dice_loss(logits, truth, known)}

    def raw_outputs(self, outputs: Any, images: Tensor) -> dict[str, Tensor]:  # noqa: ANN401
        """What the network returned as the named tensors that `decode` reads; must trace.

        Args:
            outputs: Return value of the network's `forward`; (B, C, h, w) logits unless an adapter overrides this.
            images: (B, C, H, W) what it was fed; the logits are brought to that size.
        """
        size = images.shape[-2:]
        if outputs.shape[-2:] != size:
            outputs = F.interpolate(outputs, size=size, mode="bilinear", align_corners=False)
        return {"logits": outputs}


def dice_loss(logits_BCHW: Tensor, truth_BHW: Tensor, known_BHW: Tensor) -> Tensor:
    """1 - Dice, the mean over the classes that the batch shows (Milletari et al. 2016, with probabilities not squared).

    Args:
        logits_BCHW: Scores before softmax.
        truth_BHW: int64 class indices; any value where `known` is false.
        known_BHW: Pixels that count.
    """
    classes = logits_BCHW.shape[1]
    predicted_NC = logits_BCHW.softmax(dim=1).movedim(1, -1)[known_BHW]
    truth_N = truth_BHW[known_BHW]
    hits = predicted_NC.gather(1, truth_N.unsqueeze(1)).squeeze(1)
    shared_C = predicted_NC.new_zeros(classes).index_add(0, truth_N, hits)
    true_C = torch.bincount(truth_N, minlength=classes)
    dice_C = 2 * shared_C / (predicted_NC.sum(dim=0) + true_C).clamp_min(1e-6)
    return 1 - (dice_C * (true_C > 0)).sum() / (true_C > 0).sum().clamp_min(1)
