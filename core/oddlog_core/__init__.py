"""The kernels, features and detectors of oddlog: numpy arrays in, arrays out."""

import os

# Read when onnxruntime is imported: it would keep a device id and send events about what runs here to its maker.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
