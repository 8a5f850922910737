"""Signs of a lesion on two ultrasound stills: `measure_signs`, and the list :data:`SIGNS`."""

from hccsurv_core.features.ultrasound_signs.signs import (
    SIGNS,
    SIGNS_VERSION,
    UltrasoundSign,
    UltrasoundSigns,
    measure_signs,
)

__all__ = ["SIGNS", "SIGNS_VERSION", "UltrasoundSign", "UltrasoundSigns", "measure_signs"]
