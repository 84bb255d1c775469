"""From Datumaro's annotations to the one label of a video. Imports torch only when a sample is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otx.core.image_info import ImageInfo
from otx.tasks.multi_class_classification.reader import MultiClassClsReader

if TYPE_CHECKING:
    from torchvision import tv_tensors

    from otx.tasks.action_classification.entity import ActionClsDataEntity


class ActionClsReader(MultiClassClsReader):
    """Reads exactly one label per video; a video's compact annotation is its class index."""

    def entity(
        self, image: tv_tensors.Image | tv_tensors.Video, info: ImageInfo, annotation: int
    ) -> ActionClsDataEntity:
        """The sample that the transforms and the model get."""
        import torch
        from torchvision import tv_tensors

        from otx.tasks.action_classification.entity import ActionClsDataEntity

        assert isinstance(image, tv_tensors.Video), "models of this task take clips (InputSpec.frames)"
        return ActionClsDataEntity(image=image, img_info=info, label=torch.tensor(annotation))
