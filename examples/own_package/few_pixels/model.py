"""The adapter that the row names."""

from torch import nn

from otx.tasks.multi_class_classification.model import OTXMultiClassClsModel


class FewPixels(OTXMultiClassClsModel):
    """Shrinks an image to 8 x 8 pixels and weighs each of them."""

    label_layers = ("2",)  # its rows belong to the labels, so that a checkpoint serves data with further ones

    def create_model(self):
        values = 64 * self.input_spec.channels
        return nn.Sequential(nn.AdaptiveAvgPool2d(8), nn.Flatten(), nn.Linear(values, len(self.label_info)))

    def customize_inputs(self, batch):
        return {"input": self.normalize(batch.images)}
