"""Evidence & limits: the cut-offs with their sources, the method in plain words, and its limits."""

from __future__ import annotations

import streamlit as st

from pages._shared import components
from pages._shared.evidence_ceus_model import show_ceus_model
from pages._shared.evidence_immunotherapy_model import show_immunotherapy_model
from pages._shared.evidence_muscle_model import show_muscle_model
from pages._shared.evidence_treatment_model import show_treatment_model
from pages._shared.formats import OPERATOR_SIGNS, html
from pages._shared.navigation import require_frame

require_frame()

METHOD = """
1. **Reading.** Files are unpacked and decoded in a separate process with limits, put into one
   orientation, and checked: what cannot be measured honestly is refused with the reason.
2. **De-identifying.** Names, numbers and dates are removed or replaced (DICOM PS3.15 basic
   profile); sex, age, height and weight are kept.
3. **Level.** The spinal canal is followed, the disks are found along it, and ribs, iliac crests
   and other landmarks name the vertebrae. The probability shown says how well they agree. A
   person confirms the level or moves it.
4. **Outline.** The abdominal wall, the muscles of the back and both psoas are found on the slices
   of L3 from anatomy and attenuation, without a trained network. Where TotalSegmentator is
   installed it can be chosen in the settings.
5. **Measures.** Muscle is what lies inside the outline between −29 and 150 HU on the one slice in
   the middle of L3. Areas are divided by height² for the indices; attenuations are means.
6. **Correction.** What is drawn in the editor adds or removes pixels; only pixels of the tissue's
   attenuation are added. Each stroke is a revision with a name; every number follows and says that
   it comes from an edited outline.
7. **How sure the verdicts are.** Outline and level are moved by fractions of a millimeter to a few,
   one move at a time, and a verdict that would flip is marked. The sizes are our choice, of the
   order of what two readers differ by (Ko 2022,
   [10.1186/s12891-022-05032-2](https://doi.org/10.1186/s12891-022-05032-2); Park 2019,
   [10.1371/journal.pone.0222042](https://doi.org/10.1371/journal.pone.0222042)). Gross errors,
   contrast and scanner are not covered.
"""
LIMITS = """
- **The level can be wrong by one vertebra**, above all where the last ribs are small or missing,
  with six or four lumbar vertebrae, or when neither ribs nor pelvis are in view. One level changes
  the muscle area by several percent. Look at the sagittal view.
- **Contrast, phase and voltage change attenuation.** PD and MA move by several HU with contrast;
  their cut-offs were derived on other scanners. At the edges of muscle more pixels then exceed
  −29 HU: the area grows a little too. Compare like with like.
- **Organs that touch muscle** (unenhanced liver, bowel, kidney) can be taken for muscle. Ascites,
  hernia, scoliosis, edema and metal make the outline less sure.
- **A body cut off by the edge of the picture** has less muscle in view than it has: it is flagged.
- **Thick slices** average tissues; slices of 5 mm or less are better.
- Low muscle is a finding, not a diagnosis of sarcopenia, which also asks for strength and function.
"""
DISAGREE = (
    "They were derived in different people, for different purposes, and they often disagree: that "
    "is why they stand side by side here and no single verdict is given. An operator of “≤” counts "
    "the cut-off itself as low, “<” does not. A definition that lacks sex or height is *not known*."
)
RESEARCH_USE = (
    "This is not a medical device and must not be the basis of a decision on a patient. Demo "
    "patients are simulated and marked as such everywhere. The software is free under "
    "GPL-3.0-or-later, without any warranty."
)


def cutoffs_table() -> str:
    """The five definitions with both cut-offs, the people they come from, and the DOI (HTML)."""
    from hccsurv_core.features.body import DEFINITIONS

    rows = "".join(
        f"<tr><td><b>{html(d.name)}</b><span class='sub'>{html(d.title)}</span></td>"
        f'<td class="num">{OPERATOR_SIGNS[d.operator]} {d.cutoff_male:g}</td>'
        f'<td class="num">{OPERATOR_SIGNS[d.operator]} {d.cutoff_female:g}</td>'
        f"<td>{html(d.unit)}</td><td>{html(d.population)}</td>"
        f'<td><a href="https://doi.org/{html(d.doi)}" target="_blank" rel="noopener">'
        f"{html(d.source)}</a></td></tr>"
        for d in DEFINITIONS
    )
    return (
        '<div class="hcc-scroll"><table class="hcc-table"><thead><tr><th>Definition</th>'
        '<th class="num">Low in men if</th><th class="num">Low in women if</th><th>Unit</th>'
        f"<th>Derived in</th><th>Source</th></tr></thead><tbody>{rows}</tbody></table></div>"
    )


def definitions_and_limits() -> None:
    """The five definitions, how the numbers are made, and their limits."""
    st.subheader("Five published definitions", anchor=False)
    st.html(cutoffs_table())
    st.markdown(DISAGREE)
    method, limits = st.columns(2, gap="large")
    with method:
        st.subheader("How the numbers are made", anchor=False)
        st.markdown(METHOD)
    with limits:
        st.subheader("Limits", anchor=False)
        st.markdown(LIMITS)
        st.subheader("Research use", anchor=False)
        st.markdown(RESEARCH_USE)


components.page_title(
    "Evidence & limits",
    "What definitions, scores and models are, how the numbers are made, and when not to trust them.",
)
definitions, muscle_model, treatment_model, ceus_model, immunotherapy_model = st.tabs(
    [
        "Definitions and limits", "Muscle model: Liu et al. 2024",
        "Treatment choice: Wei et al. 2026", "CEUS: Huang et al. 2022",
        "Immunotherapy: Xia et al. 2024",
    ]
)  # fmt: skip
with definitions:
    definitions_and_limits()
with muscle_model:
    show_muscle_model()
with treatment_model:
    show_treatment_model()
with ceus_model:
    show_ceus_model()
with immunotherapy_model:
    show_immunotherapy_model()
