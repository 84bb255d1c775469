"""Networks that remember what the features of normal images look like: nothing is trained by gradients."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any, cast

import torch
from torch import Tensor, nn

from otx.core.model import PixelInput
from otx.tasks.anomaly.model import OTXAnomalyModel


def ignore_light(network: nn.Module) -> None:
    """Make random features useful: the light on an image must not change them, or it hides what is wrong with it.

    Normalising each channel of each image takes the place of the statistics that a batch norm would have learned.
    """
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.BatchNorm2d):
                setattr(module, name, nn.InstanceNorm2d(child.num_features))


def far_apart(features_ND: Tensor, count: int) -> Tensor:
    """Indices of features that lie around all others: each is the one farthest from those before (k-center greedy).

    anomalib's own (2.7.0) took 12 GB for 28 images: what it keeps of each step scatters the blocks of freed memory.
    """
    chosen = torch.randint(len(features_ND), (max(1, count),), device=features_ND.device)
    lengths = features_ND.square().sum(dim=1)
    nearest = torch.full_like(lengths, torch.inf)
    for i in range(1, len(chosen)):
        last = features_ND[chosen[i - 1]]
        torch.minimum(nearest, torch.addmv(lengths, features_ND, last, alpha=-2) + last.dot(last), out=nearest)
        chosen[i] = nearest.argmax()
    return chosen


class MemoryModel(PixelInput, OTXAnomalyModel):
    """What both networks have in common.

    `arch` is timm's name of the backbone; of `options`, `layers` are looked at, and `random` asks for
    `ignore_light`.
    """

    def _frozen(self, network: Any) -> nn.Module:  # noqa: ANN401
        if self.options.get("random"):
            ignore_light(network)
        frozen: nn.Module = network.requires_grad_(requires_grad=False)
        return frozen


class Padim(MemoryModel):
    """PaDiM (Defard et al. 2020): a Gaussian of the features at each place of the image.

    Of `options`, `features` is the number of channels that are drawn from all layers.
    """

    float_parts = ("model.anomaly_map_generator",)  # inverse covariances: 8 bits of them give no distance at all

    def create_model(self) -> nn.Module:
        """Build the network; its Gaussians are empty."""
        with warnings.catch_warnings(action="ignore"):  # about modules of its own that it imports itself
            from anomalib.models.image.padim.torch_model import PadimModel

        layers, features = self.options["layers"], self.options["features"]
        return self._frozen(PadimModel(self.arch, layers, pre_trained=False, n_features=features))

    def finish_epoch(self) -> None:
        """Fit the Gaussians to the features of this epoch."""
        network: Any = self.model
        network.fit()

    def anomaly_map(self, outputs: Any) -> Tensor:  # noqa: ANN401
        """The Mahalanobis distance of each place, smoothed."""
        distances: Tensor = outputs.anomaly_map
        return distances


class Patchcore(MemoryModel):
    """PatchCore (Roth et al. 2022): the distance to the nearest of some well-chosen features of normal images.

    An image's score is the highest value of its map, as for the other models, without the paper's weight of a
    neighbourhood. Of `options`, `share` of the features is kept, at most `most` of them, which bounds what is finished.
    Fitting holds those of all training images: of a ResNet-18's middle layers 1.5 MiB for each 256 x 256 pixels.
    """

    def create_model(self) -> nn.Module:
        """Build the network; its memory is empty."""
        network = _free_batch_patchcore()
        return self._frozen(network(self.options["layers"], self.arch, pre_trained=False, num_neighbors=1))

    def finish_epoch(self) -> None:
        """Choose the features to remember, such that each of this epoch has one near to it."""
        network: Any = self.model
        features = torch.vstack(network.embedding_store)
        network.embedding_store.clear()
        count = min(int(self.options["share"] * len(features)), self.options["most"])
        network.memory_bank = features[far_apart(features, count)]

    def anomaly_map(self, outputs: Any) -> Tensor:  # noqa: ANN401
        """The distance of each place to its nearest neighbour in memory, smoothed."""
        distances: Tensor = outputs
        return distances


@cache
def _free_batch_patchcore() -> Any:  # noqa: ANN401 - a class that exists only where anomalib is installed
    with warnings.catch_warnings(action="ignore"):  # about modules of its own that it imports itself
        from anomalib.models.image.patchcore.torch_model import PatchcoreModel

    class FreeBatchPatchcore(PatchcoreModel):
        """PatchCore whose forward pass can be traced for any batch: anomalib's own counts patches in Python."""

        def forward(self, input_tensor: Tensor) -> Tensor:
            """(B, C, H, W) images -> features in training mode, else (B, 1, H, W) distances."""
            if self.training:
                return cast("Tensor", super().forward(input_tensor))
            maps = {layer: self.feature_pooler(found) for layer, found in self.feature_extractor(input_tensor).items()}
            embedding = self.generate_embedding(maps)
            # |a|^2 - 2ab + |b|^2, which finds the nearest quickly, loses the digits of small distances among those of
            # large features: it is taken around their mean, and the distance itself from the difference.
            centre = self.memory_bank.mean(dim=0)
            features, memory = self.reshape_embedding(embedding) - centre, self.memory_bank - centre
            nearest = memory[self.euclidean_dist(features, memory).argmin(dim=1)]
            distances = (features - nearest).square().sum(dim=1).sqrt()
            patches = distances.reshape(-1, 1, *embedding.shape[-2:])
            smoothed: Tensor = self.anomaly_map_generator(patches, input_tensor.shape[-2:])
            return smoothed

    return FreeBatchPatchcore
