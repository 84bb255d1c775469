"""The rows of the catalog; like all catalogs, it imports no torch."""

from otx.core.catalog import ModelRow
from otx.core.input_spec import InputSpec
from otx.core.task import OTXTaskType

ROWS = (
    ModelRow(
        name="few_pixels/linear",
        task=OTXTaskType.MULTI_CLASS_CLS,
        adapter="few_pixels.model:FewPixels",
        arch="linear",
        input_spec=InputSpec(height=32, width=32),
        parameters=1_930,
        licence="Apache-2.0",
        package="torch",
    ),
)
