"""Gray levels of a contrast picture back to linear intensity.

A machine shows the logarithm of the echo power, squeezed into its dynamic range::

    gray = 255 · (10 log10(power) + range) / range        power = 10^((gray / 255 − 1) · range / 10)

Means are taken of the power, never of the gray level: the mean of a logarithm is not the logarithm
of the mean, and the gray curve of a bolus has another shape, peak time and slope than its
intensity (Dietrich CF et al., An EFSUMB introduction into dynamic contrast-enhanced ultrasound for
quantification of tumour perfusion, Ultraschall Med 2012;33(4):344-351, doi
10.1055/s-0032-1313026). Unit of the power: 1 is white. Post-processing maps other than the plain
logarithm are not undone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hccsurv_core.checks import checked_number

#: Taken where the dynamic range of the contrast picture is not known, dB. Ours: the middle of what
#: machines offer for contrast; it bends amplitudes, and times only a little.
ASSUMED_RANGE_DB = 50.0
#: Gray levels from which a pixel is at the end of the scale. The brightness of a tinted picture's
#: white is a little below 255.
_WHITE_GRAY, _WHITE_TINTED = 252.0, 243.0


def linear_power(levels: ArrayLike, dynamic_range_db: float) -> NDArray[np.float32]:
    """Linear power (white is 1) of gray levels 0 to 255.

    Raises:
        InputError: a dynamic range that is none.

    >>> [round(float(p), 6) for p in linear_power([255, 0], 50.0)]
    [1.0, 1e-05]
    """
    span = checked_number(dynamic_range_db, "dynamic range (dB)", low=10, high=120)
    slope = np.float32(span / 10 * np.log(10) / 255)
    return np.exp((np.asarray(levels, np.float32) - np.float32(255)) * slope)


def white_level(tinted: bool) -> float:
    """Brightness from which a pixel is taken as saturated."""
    return _WHITE_TINTED if tinted else _WHITE_GRAY
