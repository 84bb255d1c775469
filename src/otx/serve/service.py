"""Predicts what clients send: uploads and tensors become files of a known format and bounded size, then records."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import prod
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, local
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from otx.core.errors import UserError
from otx.core.input_spec import InputSpec
from otx.core.label_info import LabelInfo
from otx.core.task import TaskSpec
from otx.data.images import image_size
from otx.data.media import media_picture
from otx.runtime.whole_image import Run, predict_image

Record = dict[str, Any]

FORMATS = {b"\xff\xd8\xff": ".jpg", b"\x89PNG\r\n\x1a\n": ".png", b"RIFF": ".webp", b"BM": ".bmp"}
"""First bytes -> suffix. TIFF is missing because a small one may unpack to any size."""
KSERVE_TYPES = {"uint8": "UINT8", "uint16": "UINT16", "float32": "FP32"}


class TooLargeError(UserError):
    """A request has more bytes, pixels or images than the server takes."""


class UnknownFormatError(UserError):
    """An upload is no image of a format that the server takes."""


@dataclass(frozen=True)
class Limits:
    """What one request may cost.

    Attributes:
        bytes: Of the body.
        pixels: Of the decoded images together.
        images: Of a tensor.
        waiting: Requests that may wait for a thread; one more is told to come back later.
        upload_seconds: Time for the body to arrive.
    """

    bytes: int = 32 * 2**20
    pixels: int = 64 * 10**6
    images: int = 256
    waiting: int = 16
    upload_seconds: float = 30.0


class Service:
    """A model that several threads predict with.

    Args:
        name: By which clients know it.
        task: Its task.
        labels: Its labels.
        spec: Of its input.
        threshold: Score below which objects are left out.
        new_run: Called once in each thread, gives what predicts there.
        threads: Predictions at a time.
        limits: What a request may cost.

    Raises:
        UserError: The model takes clips.
    """

    def __init__(
        self,
        *,
        name: str,
        task: TaskSpec,
        labels: LabelInfo,
        spec: InputSpec,
        threshold: float,
        new_run: Callable[[], Run],
        threads: int = 1,
        limits: Limits | None = None,
    ) -> None:
        if spec.frames > 1:
            msg = f"{name} looks at clips of {spec.frames} frames, and only images are served; use otx predict"
            raise UserError(msg)
        self.name, self.task, self.labels, self.spec, self.threshold = name, task, labels, spec, threshold
        self.threads, self.limits = threads, limits or Limits()
        self._mine, self._closed = local(), Event()
        self._new_run = new_run
        self.pool = ThreadPoolExecutor(threads, thread_name_prefix="serve", initializer=self._start_thread)

    def upload(self, data: bytes, *, picture: bool = False) -> Record:
        """The record of an image file.

        Args:
            data: Its content.
            picture: Add the image with the prediction drawn on it, as a data URL.

        Raises:
            UserError: It is no image that can be read, or too large.
        """
        suffix = next((suffix for start, suffix in FORMATS.items() if data.startswith(start)), None)
        if suffix is None:
            kinds = ", ".join(suffix[1:] for suffix in FORMATS.values())
            raise UnknownFormatError(f"expected the bytes of an image file ({kinds}), found something else")
        with TemporaryDirectory(prefix="otx-serve-") as folder:
            file = Path(folder) / f"upload{suffix}"
            file.write_bytes(data)
            return self._predict(file, picture=picture)

    def infer(self, data: bytes) -> Record:
        """The answer to a request of KServe v2: the record of each image of a tensor, as JSON texts.

        Args:
            data: The request, JSON.

        Raises:
            UserError: The request is not as the protocol and the model want it.
        """
        images, request_id = self._tensor(data)
        with TemporaryDirectory(prefix="otx-serve-") as folder:
            records = []
            for image in images:
                if self._closed.is_set():
                    raise UserError("the server was told to stop")
                file = Path(folder) / "image.npy"
                np.save(file, image)
                records.append(json.dumps(self._predict(file), ensure_ascii=False))
        output = {"name": "predictions", "datatype": "BYTES", "shape": [len(records)], "data": records}
        return {"model_name": self.name, "outputs": [output], **({"id": request_id} if request_id else {})}

    def close(self) -> None:
        """Drop the requests that wait, and end the others after the image that they are at."""
        self._closed.set()
        self.pool.shutdown(wait=False, cancel_futures=True)

    def metadata(self) -> Record:
        """What KServe v2 tells of a model."""
        pixels = self.spec.pixels
        return {
            "name": self.name,
            "versions": ["1"],
            "platform": f"otx_{self.task.task}".lower(),
            "inputs": [
                {"name": "image", "datatype": KSERVE_TYPES[pixels.dtype], "shape": [-1, -1, -1, pixels.channels]}
            ],
            "outputs": [{"name": "predictions", "datatype": "BYTES", "shape": [-1]}],
        }

    def _start_thread(self) -> None:
        torch.set_num_threads(1 if self.threads > 1 else torch.get_num_threads())
        self._mine.run = self._new_run()

    def _predict(self, file: Path, *, picture: bool = False) -> Record:
        try:
            height, width = image_size(file)
            self._refuse_pixels(height * width)
            prediction = predict_image(file, self.spec, self.task, self._mine.run)
        except UserError as error:
            raise type(error)(str(error).replace(f"{file}: ", "").replace(str(file), "the image")) from error
        record: Record = prediction.records(self.labels, self.threshold)[0] | {"image": ""}
        if picture:
            record["picture"] = _url(self.task.load("draw")(media_picture(file), record, self.labels, ""), "jpeg")
        arrays = {key: value for key, value in record.items() if isinstance(value, np.ndarray)}
        return record | {key: _url(Image.fromarray(value), "png") for key, value in arrays.items()}

    def _refuse_pixels(self, pixels: int) -> None:
        if pixels > self.limits.pixels:
            raise TooLargeError(f"expected at most {self.limits.pixels} pixels, found {pixels}")

    def _tensor(self, data: bytes) -> tuple[npt.NDArray[Any], str]:
        (wanted,) = self.metadata()["inputs"]
        try:
            request = json.loads(data)
            (given,) = request["inputs"]
            name, datatype, shape = given["name"], given["datatype"], [int(size) for size in given["shape"]]
            request_id = str(request.get("id", ""))
            values = np.asarray(given["data"])
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
            what = f"{type(error).__name__}: {error}"
            msg = f"expected an inference request of KServe v2 with one input and its data as JSON; {what}"
            raise UserError(msg) from error
        channels, dtype = self.spec.pixels.channels, np.dtype(self.spec.pixels.dtype)
        fits = len(shape) == 4 and min(shape) > 0 and shape[3] == channels and values.size == prod(shape)
        if (name, datatype) != (wanted["name"], wanted["datatype"]) or not fits:
            raise UserError(
                f"expected the input 'image' of type {wanted['datatype']}, shape [N, H, W, {channels}] and as many "
                f"values; found {name!r:.40}, {datatype!r:.40}, {shape!r:.60} and {values.size} values"
            )
        if shape[0] > self.limits.images:
            raise TooLargeError(f"expected at most {self.limits.images} images, found {shape[0]}")
        self._refuse_pixels(prod(shape[:3]))
        kinds = "iu" if dtype.kind == "u" else "iuf"
        if values.dtype.kind not in kinds or (
            dtype.kind == "u" and not 0 <= values.min() <= values.max() <= np.iinfo(dtype).max
        ):
            raise UserError(f"expected values of {dtype}, found others")
        return values.reshape(shape).astype(dtype), request_id


def _url(picture: Image.Image, kind: str) -> str:
    stream = io.BytesIO()
    picture.save(stream, kind)
    return f"data:image/{kind};base64,{base64.b64encode(stream.getvalue()).decode()}"


def facts(service: Service) -> Mapping[str, str]:
    """What the page says of the model."""
    return {
        "model": service.name,
        "task": service.task.title,
        "labels": ", ".join(service.labels.names),
        "formats": ", ".join(suffix[1:] for suffix in FORMATS.values()),
        "megabytes": str(service.limits.bytes // 2**20),
    }
