"""The verbs of the command line, each with the sentence that describes it. Imports nothing heavy."""

from __future__ import annotations

import re

VERBS = {
    "check": "Look into a data set: format, task, labels, counts, problems, and whether it can be trained on.",
    "shard": "Write a data set again with its pictures in few large files (shards); it is trained on like the folder.",
    "find": "List the models that can be trained, with size, licence and abilities.",
    "train": "Train a model on a folder of images; what you leave out is chosen for you and explained in plan.yaml.",
    "tune": "Search for better settings within a budget of time; ends with a recipe for otx train.",
    "test": "Measure a checkpoint or an exported model on a subset of the data.",
    "compare": "Say whether one tested model is better than another, or whether it was the luck of the images.",
    "predict": "Predict on pictures with a checkpoint or an exported model: predictions.json and drawn pictures.",
    "export": "Turn a checkpoint into an OpenVINO or ONNX model, and prove on real images that it equals it.",
    "optimize": "Quantise a checkpoint or exported model to INT8, and prove on real images that it keeps the metric.",
    "explain": "Show which parts of a picture a prediction rests on, and whether that is more than chance.",
    "benchmark": "Time and measure a model in torch, OpenVINO (FP32, FP16, INT8) and ONNX Runtime, in one table.",
    "serve": "Serve a model over HTTP: KServe v2, image uploads, and a page to drop images on.",
    "demo": "See it all work, offline: make a data set of handwritten digits, train, test, export, compare, predict.",
}
"""Name -> description. The order is the order of use."""

OVERVIEW = """\
usage: otx VERB [options]

From a folder of pictures to a deployed model.

verbs:
{verbs}

examples:
  otx train --data_root my_data         train on a folder; everything else is found out
  otx export                            OpenVINO model of the latest training
  otx predict --input pictures/         predict with the latest training
  otx VERB --help                       options and examples of a verb

environment:
  OTX_DEBUG=1                           show the traceback of an error
"""


def overview() -> str:
    """What `otx --help` prints."""
    clauses = {name: re.split("[:;]", text, maxsplit=1)[0].rstrip(".") for name, text in VERBS.items()}
    return OVERVIEW.format(verbs="\n".join(f"  {name:<9} {clause}" for name, clause in clauses.items()))
