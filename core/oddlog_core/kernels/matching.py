"""Matching dissimilarity between categorical records and modes.

Huang, Extensions to the k-means algorithm for clustering large data sets with categorical values (1998), eq. 5.
"""

import numpy as np

from oddlog_core.kernels._jit import kernel

__all__ = ["nearest_mode"]


@kernel("Tuple((int32[::1], int32[::1]))(int32[:, ::1], int32[:, ::1])")
def nearest_mode(codes, modes):
    """Nearest mode of each record, and in how many fields it differs.

    Parameters
    ----------
    codes : (n_records, n_fields) int32
        Category codes; -1, a value the baseline never saw, differs from every mode.
    modes : (n_modes, n_fields) int32
        Never -1.

    Returns
    -------
    label : (n_records,) int32
        Nearest mode; the lowest index wins a tie.
    distance : (n_records,) int32
        Fields that differ, 0 to n_fields.
    """
    n_records, n_fields = codes.shape
    label = np.empty(n_records, np.int32)
    distance = np.empty(n_records, np.int32)
    for i in range(n_records):
        nearest, fewest = 0, n_fields + 1
        for k in range(modes.shape[0]):
            # Leaving this loop once `differing` reaches `fewest` is slower: branch-free comparisons vectorise.
            differing = 0
            for f in range(n_fields):
                differing += codes[i, f] != modes[k, f]
            if differing < fewest:
                nearest, fewest = k, differing
        label[i], distance[i] = nearest, fewest
    return label, distance
