"""Signs of the two stills as covariates: names, labels, and which are views of one trait."""

from __future__ import annotations

from hccsurv_core.features.ultrasound_signs import SIGNS

#: Prefix of the covariates.
SIGN = "sign."
SIGN_NAMES: tuple[str, ...] = tuple(SIGN + sign.name for sign in SIGNS)
LABELS = {SIGN + sign.name: sign.label for sign in SIGNS}
UNITS = {SIGN + sign.name: sign.unit for sign in SIGNS}
#: Traits, each the signs that are views of it.
TRAITS: tuple[tuple[str, ...], ...] = tuple(
    tuple(SIGN + sign.name for sign in SIGNS if sign.group == group)
    for group in dict.fromkeys(sign.group for sign in SIGNS)
)
