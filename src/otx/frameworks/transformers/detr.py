"""Detectors with queries: RT-DETRv2 (https://arxiv.org/abs/2407.17140), D-FINE (https://arxiv.org/abs/2410.13842)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from logging import ERROR
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torchvision.ops import box_convert

from otx.core.errors import UserError
from otx.tasks.detection.decode import topk_detections
from otx.tasks.detection.entity import DetBatchDataEntity
from otx.tasks.detection.model import OTXDetectionModel

if TYPE_CHECKING:
    from transformers import PreTrainedModel

QUERIES = 300
# The heads of the decoder's layers have two names in the library; only those inside the decoder are used and kept.
HEADS = ("class_embed.", "bbox_embed.")


class TransformersDETR(OTXDetectionModel):
    """A detector of the RT-DETR family; `arch` is transformers' model type, `options` go to its configuration."""

    def create_model(self) -> nn.Module:
        """Build the network from its configuration, with random weights."""
        network = self._build(len(self.label_info))
        for name in HEADS:
            delattr(network, name.removesuffix("."))
        return network

    def _config(self, labels: int) -> Any:  # noqa: ANN401 - a class per architecture
        from transformers import AutoConfig

        return AutoConfig.for_model(
            self.arch,
            num_labels=labels,
            num_queries=min(QUERIES, self._cells()),
            # Frozen statistics are right only beside the pretrained ones; trainable ones are right in both cases.
            freeze_backbone_batch_norms=False,
            # The published networks have a head of its own for each layer of the decoder.
            tie_word_embeddings=False,
            **self.options,
        )

    def _cells(self) -> int:
        """Number of cells of the pyramid: queries are chosen among them, so a small input has fewer."""
        height, width = self.input_spec.size
        return sum((height // stride) * (width // stride) for stride in self.options.get("feat_strides", (8, 16, 32)))

    def _build(self, labels: int) -> PreTrainedModel:
        from transformers import AutoModelForObjectDetection

        network: PreTrainedModel = AutoModelForObjectDetection.from_config(self._config(labels))
        return network

    def customize_inputs(self, batch: DetBatchDataEntity) -> dict[str, Any]:
        """The normalised images and, in training mode, boxes as centre and size in units of the image."""
        inputs: dict[str, Any] = {"pixel_values": self.normalize(batch.images)}
        if self.training:
            height, width = batch.images.shape[-2:]
            inputs["labels"] = [
                {
                    "class_labels": labels,
                    "boxes": box_convert(boxes.as_subclass(Tensor).float(), "xyxy", "cxcywh")
                    / boxes.new_tensor([width, height, width, height], dtype=torch.float32).as_subclass(Tensor),
                }
                for boxes, labels in zip(batch.bboxes, batch.labels, strict=True)
            ]
        return inputs

    def losses(self, outputs: Any, batch: DetBatchDataEntity) -> dict[str, Tensor]:  # noqa: ANN401
        """The library's losses, summed over decoder layers and denoising groups."""
        sums: dict[str, Tensor] = {}
        for name, loss in outputs.loss_dict.items():
            kind = name.split("_aux")[0].split("_dn")[0]
            sums[kind] = sums[kind] + loss if kind in sums else loss
        return sums

    def raw_outputs(self, outputs: Any, images: Tensor) -> dict[str, Tensor]:  # noqa: ANN401
        """The best pairs of query and class, as many as there are queries."""
        height, width = images.shape[-2:]
        boxes = box_convert(outputs.pred_boxes, "cxcywh", "xyxy")
        pixels = boxes * boxes.new_tensor([width, height, width, height])
        return topk_detections(pixels, outputs.logits.sigmoid(), outputs.logits.shape[1])

    def label_rows(self, labels: int) -> Mapping[str, Tensor]:
        """A row in each classification layer, and in the embedding that denoising starts from."""
        rows = torch.arange(labels).unsqueeze(1)
        layers = (".enc_score_head.", ".class_embed.", ".denoising_class_embed.")
        return {key: rows for key in self.state_dict() if any(layer in key for layer in layers)}

    def convert_pretrained(self, state: Mapping[str, Tensor], part: str = "") -> dict[str, Tensor]:
        """Let transformers load the file, which knows the names of older versions, and take what it has loaded."""
        head = [tensor for key, tensor in state.items() if key.endswith("enc_score_head.weight")]
        if not head:
            msg = f"expected the weights of a detector of the family {self.arch}, found no 'enc_score_head.weight'"
            raise UserError(msg)
        network, missing = _load(type(self._build(1)), self._config(len(head[0])), state)
        loaded = {key: tensor for key, tensor in network.state_dict().items() if key not in missing}
        for key in [key for key in loaded if key.startswith(HEADS)]:
            loaded.setdefault(f"model.decoder.{key}", loaded.pop(key))
        return super().convert_pretrained(loaded, part)


def _load(
    network: type[PreTrainedModel], config: object, state: Mapping[str, Tensor]
) -> tuple[PreTrainedModel, set[str]]:
    from_pretrained: Any = network.from_pretrained
    with quiet():  # our own report says what was loaded
        try:
            loaded, info = from_pretrained(None, config=config, state_dict=dict(state), output_loading_info=True)
        except RuntimeError as error:
            raise UserError(f"the weights do not fit the architecture: {error}") from error
    return loaded, set(info["missing_keys"])


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what the library logs to itself for a while; only its errors come through."""
    from transformers.utils import logging

    verbosity = logging.get_verbosity()
    logging.set_verbosity(ERROR)
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        logging.enable_progress_bar()
