"""Characters of one hand look alike: what is read surely on a page helps with what is read unsurely beside it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.image import FloatArray

SURE = 0.9
"""From here on a reading serves as an example of its character."""
DOUBTFUL = 0.995
"""Below that a reading is compared with the examples."""
WEIGHT = 2.0
"""What likeness counts: the log odds of a character rise by so much for each unit of cosine above `USUAL`."""
USUAL = 0.6
"""Likeness, as a cosine, at which an example says nothing."""
_CONSIDERED = 1e-4
"""A character less likely than that is not considered."""


def as_one_hand(probabilities: FloatArray, features: FloatArray, mute: NDArray[np.bool_]) -> FloatArray:
    """Probabilities of characters that one person wrote, the doubtful ones weighed by their likeness to the sure ones.

    Args:
        probabilities: shape (n, classes). features: what the network saw in each cell, shape (n, any).
        mute: shape (classes,); classes that no hand has a manner of writing (nothing, struck out) are no examples.
    Returns: the same shape; each row adds up to what it did. Sure rows are left alone.
    """
    read = probabilities.argmax(axis=1)
    sure = probabilities.max(axis=1)
    examples = np.flatnonzero((sure >= SURE) & ~mute[read])
    doubtful = np.flatnonzero((sure < DOUBTFUL) & ~mute[read])
    if not len(examples) or not len(doubtful):
        return probabilities
    length = np.linalg.norm(features, axis=1, keepdims=True)
    directions = features / np.maximum(length, 1e-6)
    likeness = directions[doubtful] @ directions[examples].T
    # A character is no example of itself.
    likeness[doubtful[:, None] == examples[None, :]] = -1.0
    nearest = np.full((len(doubtful), probabilities.shape[1]), -1.0, np.float32)
    for character in np.unique(read[examples]):
        nearest[:, character] = likeness[:, read[examples] == character].max(axis=1)
    gain = np.where(nearest > -1.0, WEIGHT * (nearest - USUAL), 0.0)
    rows = probabilities[doubtful]
    raised = rows * np.exp(np.where(rows > _CONSIDERED, gain, 0.0))
    weighed = probabilities.copy()
    weighed[doubtful] = raised * (rows.sum(axis=1, keepdims=True) / raised.sum(axis=1, keepdims=True))
    return weighed
