"""Array types of page images. Gray: 0 is ink, 255 is paper."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

GrayImage = NDArray[np.uint8]
"""Shape (height, width), uint8, 0 ink, 255 paper."""

ColorImage = NDArray[np.uint8]
"""Shape (height, width, 3), uint8, RGB."""

FloatArray = NDArray[np.float32]
"""Any shape, float32."""
