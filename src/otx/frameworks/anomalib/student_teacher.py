"""Students that learn to say what a fixed teacher says of normal images, and fail elsewhere."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from otx.core.model import PixelInput
from otx.tasks.anomaly.entity import AnomalyBatchDataEntity
from otx.tasks.anomaly.model import OTXAnomalyModel


class Stfpm(PixelInput, OTXAnomalyModel):
    """STFPM (Wang et al. 2021): a student of the teacher's feature pyramid.

    `arch` is timm's name of both networks; of `options`, `layers` are compared. With random weights the teacher is a
    random function, and the student finds out where it has seen it (as in random network distillation).
    """

    def create_model(self) -> nn.Module:
        """Build both networks with random weights."""
        with warnings.catch_warnings(action="ignore"):  # about modules of its own that it imports itself
            from anomalib.models.components import TimmFeatureExtractor
            from anomalib.models.image.stfpm.anomaly_map import AnomalyMapGenerator
            from anomalib.models.image.stfpm.torch_model import STFPMModel

        # Not by its constructor, which downloads the teacher; weights come from `otx.frameworks.weights`.
        network: Any = STFPMModel.__new__(STFPMModel)
        nn.Module.__init__(network)
        layers = self.options["layers"]
        network.tiler = None
        network.backbone = self.arch
        network.teacher_model = TimmFeatureExtractor(self.arch, layers, pre_trained=False).requires_grad_(False)
        network.student_model = TimmFeatureExtractor(self.arch, layers, pre_trained=False, requires_grad=True)
        network.anomaly_map_generator = AnomalyMapGenerator()
        built: nn.Module = network
        return built

    def losses(self, outputs: Any, batch: AnomalyBatchDataEntity) -> dict[str, Tensor]:  # noqa: ANN401
        """The distance of both pyramids, per image."""
        from anomalib.models.image.stfpm.loss import STFPMLoss

        return {"distance": STFPMLoss()(*outputs) / batch.batch_size}

    def anomaly_map(self, outputs: Any) -> Tensor:  # noqa: ANN401
        """The product of the distances of all layers."""
        distances: Tensor = outputs.anomaly_map
        return distances


class EfficientAd(OTXAnomalyModel):
    """EfficientAD (Batzner et al. 2024): a student of a patch descriptor, and one of an autoencoder.

    anomalib downloads a teacher that was distilled from ImageNet, and images of ImageNet on which the student shall not
    follow it. Here the teacher is random, and random textures take the place of those images. The statistics of the
    teacher are those of the first batch of a training, the scale of the maps that of the last one of an epoch.
    """

    def create_model(self) -> nn.Module:
        """Build the networks with random weights."""
        with warnings.catch_warnings(action="ignore"):  # about modules of its own that it imports itself
            from anomalib.models.image.efficient_ad.torch_model import EfficientAdModel

        network = EfficientAdModel()
        for part in (network.teacher, network.mean_std, network.quantiles):
            part.requires_grad_(requires_grad=False)
        self._last: Tensor | None = None
        return network

    def customize_inputs(self, batch: AnomalyBatchDataEntity) -> dict[str, Any]:
        """Images in [0, 1], and in training mode textures."""
        images = self.normalize(batch.images)
        if not self.training:
            return {"batch": images}
        self._last = images
        self._know_teacher(images)
        return {"batch": images, "batch_imagenet": _textures(images)}

    def losses(self, outputs: Any, batch: AnomalyBatchDataEntity) -> dict[str, Tensor]:  # noqa: ANN401
        """Of the student, of the autoencoder, and of the student of the latter."""
        return dict(zip(("student", "autoencoder", "student_of_autoencoder"), outputs, strict=True))

    def anomaly_map(self, outputs: Any) -> Tensor:  # noqa: ANN401
        """The mean of the distances to the teacher and to the autoencoder, each on the scale of normal images."""
        distances: Tensor = outputs.anomaly_map
        return distances

    @torch.no_grad()
    def _know_teacher(self, images: Tensor) -> None:
        network: Any = self.model
        if not network.is_set(network.mean_std):
            found = network.teacher(images)
            network.mean_std["mean"].copy_(found.mean(dim=(0, 2, 3), keepdim=True))
            network.mean_std["std"].copy_(found.std(dim=(0, 2, 3), keepdim=True))

    @torch.no_grad()
    def finish_epoch(self) -> None:
        """Find the scale of both maps on images seen last."""
        network: Any = self.model
        if self._last is None:
            return
        network.eval()
        for kind, found in zip(("st", "ae"), network.get_maps(self._last), strict=True):
            low, high = torch.quantile(found.flatten(), found.new_tensor([0.9, 0.995]))
            network.quantiles[f"qa_{kind}"].copy_(low)
            network.quantiles[f"qb_{kind}"].copy_(high)
        network.train()
        self._last = None


def _textures(images: Tensor) -> Tensor:
    """Random colours that change softly over a few pixels, of the size of the images."""
    height, width = images.shape[-2:]
    coarse = torch.rand(len(images), 3, height // 8, width // 8, device=images.device)
    return F.interpolate(coarse, size=(height, width), mode="bilinear")
