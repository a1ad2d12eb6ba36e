"""Run the file of a lowered network in ONNX Runtime, a reader that shares no code with ours.

Example
-------
>>> classify_onnxruntime("network.onnx", images)
array([7, 2, 1, 0])
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lutloom.errors import InvalidDataError, InvalidFileError, MissingExtraError
from lutloom.files.bounded import read_bytes
from lutloom.files.network_onnx import FILE_SIZE_MAX_BYTES, read_network
from lutloom.ir import Network

_WORKING_BYTES = 1 << 28
"""Intermediate values a batch may hold; keeps memory flat whatever the network or data set."""


def open_session(path: str | os.PathLike[str], data: bytes, threads: int) -> Any:
    """Open an ONNX Runtime session (CPU) on a file that was read and checked.

    Parameters
    ----------
    path : path
        What errors call it.
    data : bytes
        Of the file.
    threads : int
        Threads of ONNX Runtime; 0 lets it choose.

    Returns
    -------
    onnxruntime.InferenceSession

    Raises
    ------
    MissingExtraError
        If ONNX Runtime is not installed.
    InvalidFileError
        If ONNX Runtime refuses the file.
    """
    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3  # errors only: unread layer1.origin is meant to be unread
    try:
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions share no base class
        raise InvalidFileError(
            f"{path}: must be accepted by ONNX Runtime, but it says "
            f"'{str(error).splitlines()[0]}'; report this as a bug of Lutloom"
        ) from error


def import_onnxruntime() -> Any:
    """Import ONNX Runtime, an optional extra that is slow to import.

    Raises
    ------
    MissingExtraError
        If it is not installed.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtraError(
            "ONNX Runtime must be installed to run a file with it, but is not; "
            "pip install 'lutloom[onnxruntime]'"
        ) from error
    return onnxruntime


class OnnxRuntimeClassifier:
    """Hold an ONNX Runtime session (CPU) on the file of a lowered network.

    The file is first read and checked as Lutloom's own, so that no foreign graph is ever run.

    Parameters
    ----------
    path : path
    threads : int
        Threads of ONNX Runtime; 0 lets it choose.

    Raises
    ------
    MissingExtraError
        If ONNX Runtime is not installed.
    InvalidFileError
        If the file is not a network of Lutloom or ONNX Runtime refuses it.
    """

    def __init__(self, path: str | os.PathLike[str], threads: int = 0) -> None:
        import_onnxruntime()  # say that it is missing before anything is read
        self.network: Network = read_network(path)
        self._session = open_session(path, read_bytes(path, FILE_SIZE_MAX_BYTES), threads)
        widest = max((layer.table.size for layer in self.network.layers), default=1)
        bytes_per_image = 16 * max(widest, self.network.head.n_votes, self.network.encoder.n_bits)
        self.batch = max(1, min(8192, _WORKING_BYTES // bytes_per_image))

    def run(self, images: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """Classify images and give their scores, a batch at a time.

        Parameters
        ----------
        images : uint8[n, height, width]

        Returns
        -------
        classes : int64[n]
        scores : int32[n, n_classes]

        Raises
        ------
        InvalidDataError
            If the images are of another type or size than the network's.
        """
        wanted = (self.network.encoder.height, self.network.encoder.width)
        if images.dtype != np.uint8 or images.shape[1:] != wanted:
            raise InvalidDataError(
                f"images: must be uint8 of {wanted[0]}x{wanted[1]} pixels, not {images.dtype} of "
                f"shape {images.shape[1:]}; give images of the model's size"
            )
        classes = [np.empty(0, np.int64)]
        scores = [np.empty((0, self.network.n_classes), np.int32)]
        for start in range(0, len(images), self.batch):
            some = np.ascontiguousarray(images[start : start + self.batch])
            answer, score = self._session.run(["class", "scores"], {"images": some})
            classes.append(answer)
            scores.append(score)
        return np.concatenate(classes), np.concatenate(scores)


def classify_onnxruntime(
    path: str | os.PathLike[str], images: NDArray[np.uint8]
) -> NDArray[np.int64]:
    """Answer with a class for each image, computed by ONNX Runtime from the file alone.

    Parameters
    ----------
    path : path
    images : uint8[n, height, width]

    Returns
    -------
    int64[n]

    Raises
    ------
    MissingExtraError, InvalidFileError, InvalidDataError
    """
    return OnnxRuntimeClassifier(path).run(images)[0]
