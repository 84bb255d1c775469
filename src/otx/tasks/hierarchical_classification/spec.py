"""The row that makes hierarchical classification a task of OTX. Imports no torch."""

from __future__ import annotations

import json
from itertools import accumulate, pairwise

from otx.core.evidence import Claim, Evidence
from otx.core.label_info import LabelInfo
from otx.core.task import OTXTaskType, TaskSpec


def claim(evidence: Evidence) -> Claim | None:
    """Data sets that declare which label lies below which, or several groups of labels that exclude each other."""
    labels = evidence.count("label")
    if not labels or evidence.count("bbox", "rotated_bbox", "polygon", "mask", "points"):
        return None
    if evidence.parents:
        return Claim(0.95, f"{labels} labels for {evidence.items} images, {evidence.parents} labels below others")
    if len(evidence.label_groups) > 1 and max(evidence.label_groups) > 1:
        return Claim(0.95, f"{labels} labels for {evidence.items} images, in {len(evidence.label_groups)} groups")
    return None


def model_api_labels(labels: LabelInfo) -> dict[str, str]:
    """What openvino-model-api has to know of the tree; its heads are the exclusive groups, as the graph has them."""
    groups = labels.questions()
    exclusive = [list(group.labels) for group in groups if group.exclusive]
    alone = [[label] for group in groups if not group.exclusive for label in group.labels]
    ends = list(accumulate(map(len, exclusive), initial=0))
    heads = {
        "num_multiclass_heads": len(exclusive),
        "num_multilabel_classes": len(alone),
        "num_single_label_classes": ends[-1],
        "head_idx_to_logits_range": {str(head): between for head, between in enumerate(pairwise(ends))},
        "all_groups": exclusive + alone,
        "class_to_group_idx": {
            label: (head, place) for head, group in enumerate(exclusive + alone) for place, label in enumerate(group)
        },
        "label_to_idx": {label: index for index, label in enumerate(labels.names)},
    }
    edges = [(child, parent) for child, parent in labels.parents.items() if parent]
    return {"hierarchical_config": json.dumps({"cls_heads_info": heads, "label_tree_edges": edges})}


SPECS = (
    TaskSpec(
        task=OTXTaskType.H_LABEL_CLS,
        title="Hierarchical classification",
        package=__package__,
        stem="HLabelCls",
        plain=".plain:decode",
        saliency="otx.core.saliency:LabelSaliency",
        claim=claim,
        finetune="hierarchical_classification/finetune",
        metrics=("accuracy", "hierarchical_f1"),
        formats=("datumaro",),
        model_api_type="Classification",
        model_api={"hierarchical": "True", "hierarchical_postproc": "greedy", "confidence_threshold": "0.5"},
        model_api_labels=model_api_labels,
        default_model="timm/mobilenetv4_conv_small",
        default_model_from_scratch="timm/resnet10t",
    ),
)
