"""Students that learn to say what a fixed teacher says of normal images, and fail elsewhere."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from otx.tasks.anomaly.entity import AnomalyBatchDataEntity
from otx.tasks.anomaly.model import OTXAnomalyModel

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # anomalib warns about modules of its own that it imports itself
    from anomalib.models.components import TimmFeatureExtractor
    from anomalib.models.image.stfpm.anomaly_map import AnomalyMapGenerator
    from anomalib.models.image.stfpm.loss import STFPMLoss
    from anomalib.models.image.stfpm.torch_model import STFPMModel


class Stfpm(OTXAnomalyModel):
    """STFPM (Wang et al. 2021): a student of the teacher's feature pyramid.

    `arch` is timm's name of both networks; of `options`, `layers` are compared. With random weights the teacher is a
    random function, and the student finds out where it has seen it (as in random network distillation).
    """

    def create_model(self) -> nn.Module:
        """Build both networks with random weights."""
        network: nn.Module = RandomTeacherStfpm(self.options["layers"], self.arch)
        return network

    def customize_inputs(self, batch: AnomalyBatchDataEntity) -> dict[str, Any]:
        """The normalised images."""
        return {"images": self.normalize(batch.images)}

    def losses(self, outputs: Any, batch: AnomalyBatchDataEntity) -> dict[str, Tensor]:  # noqa: ANN401
        """The distance of both pyramids, per image."""
        return {"distance": STFPMLoss()(*outputs) / batch.batch_size}

    def anomaly_map(self, outputs: Any) -> Tensor:  # noqa: ANN401
        """The product of the distances of all layers."""
        distances: Tensor = outputs.anomaly_map
        return distances


class RandomTeacherStfpm(STFPMModel):
    """STFPM without the download that anomalib's constructor makes; weights come from `otx.frameworks.weights`."""

    def __init__(self, layers: Sequence[str], backbone: str) -> None:
        nn.Module.__init__(self)
        self.tiler = None
        self.backbone = backbone
        self.teacher_model = TimmFeatureExtractor(backbone, layers, pre_trained=False).requires_grad_(False)
        self.student_model = TimmFeatureExtractor(backbone, layers, pre_trained=False, requires_grad=True)
        self.anomaly_map_generator = AnomalyMapGenerator()
