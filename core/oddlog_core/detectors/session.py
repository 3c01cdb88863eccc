"""ONNX models as this package runs them."""

from __future__ import annotations

import onnxruntime

from oddlog_core.errors import BundleError

__all__ = ["open_model"]


def open_model(model: bytes) -> onnxruntime.InferenceSession:
    """Open a model on one thread; all of it has to be in these bytes.

    Raises
    ------
    BundleError
        It is no ONNX model, or says that some of its weights lie in another file.
    """
    options = onnxruntime.SessionOptions()
    # One thread: with more, the order of additions, and so the last bits of a score, would vary.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # What no hash covers is not read. Left alone, onnxruntime would look in the working directory.
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", "/dev/null/nowhere")
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    # Each of onnxruntime's errors is an Exception of its own, with no root.
    except Exception as error:
        reason = "some of it lies in another file" if "external data" in str(error).lower() else str(error)
        raise BundleError(f"not a model that can be used: {reason}") from None
