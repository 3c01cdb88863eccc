"""The kernels, features and detectors of oddlog: numpy arrays in, arrays out."""
