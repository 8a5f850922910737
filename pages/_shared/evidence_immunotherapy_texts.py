"""Texts of the evidence on system 4: published numbers, differences, formulas, meanings, limits."""

from __future__ import annotations

from collections.abc import Mapping

#: (model, C-index of the test patients) as the project's brief reports them.
PUBLISHED = (
    ("CLN, clinical score: C-index", "0.622"),
    ("Rad-S, baseline scan: C-index", "0.608"),
    ("RadCLN-S, clinical score and baseline scan: C-index", "0.638"),
    ("Rad-D, both scans: C-index", "0.681"),
    ("RadCLN-D, clinical score and both scans: C-index", "0.695"),
)
#: Of death, high against low risk, and the same of RECIST.
HAZARD_RATIOS = (
    ("Risk groups of RadCLN-D: hazard ratio", "2.45"),
    ("RECIST: hazard ratio", "1.99"),
)
DIFFERENCES = (
    (
        "Slices",
        "Venous CT resampled to 5 mm; of each scan the three liver and three lung slices with the "
        "largest tumor area, else with the largest organ area; abdomen in a window of 400 HU about 0, "
        "chest of 1200 HU about −600; 224×224 pixels, each z-scored.",
        "The same rule, windows and scaling; each slice can be replaced by hand. Pictures of 96×96 "
        "pixels are the default, so that a processor can train; 224 can be chosen. Outlines come from "
        "an embedded method, the editor, or TotalSegmentator where it is installed.",
    ),
    (
        "Radiology score",
        "A network alone: EfficientNet-b0 of each organ, 32 features averaged over slices, an LSTM over "
        "the two scans, partial likelihood.",
        "The same construction stands beside values that are measured inside the outlines (sizes, "
        "edges, dead tumor, growth, new tumors). The network is pretrained to tell what is measured "
        "before it sees an outcome; its log hazard is one covariate among them. Default: a small "
        "extractor from nothing; EfficientNet-b0 can be chosen, and weights of the authors' program "
        "are read.",
    ),
    (
        "Missing follow-up chest",
        "Carried forward from the baseline.",
        "The same, said beside the answer; the lungs then say nothing of change.",
    ),
    (
        "Clock",
        "Not stated to us.",
        "Models of both scans (D) count survival from the follow-up scan, of the patients still "
        "followed then: who has that scan lived to have it, and time before it is immortal (Suissa, "
        "Am J Epidemiol 2008;167:492-499). CLN and S models count from the baseline scan.",
    ),
    (
        "Combination",
        "9.8834 × radiology + 0.5300 × clinical score; high risk above 0.66.",
        "A ridge Cox model of the clinical score and all that scans say, with prior directions and "
        "groups of views; its strength is averaged over what the data leave open, so that survival has "
        "intervals. High risk is above the median of the training patients' scores. The published "
        "fusion is computed beside it, in both readings, where a network of the paper gives the "
        "radiology score.",
    ),
    (
        "Validation",
        "Training, validation and test patients divided by center; training ended by the validation "
        "patients.",
        "Cross-validation in which a center's patients stay together, over training and validation "
        "patients; scores of networks are by networks that had not seen the patient or the center. Test "
        "patients are not looked at before the evaluation.",
    ),
    (
        "RECIST",
        "Categories, hazard ratio beside the model's.",
        "RECIST 1.1 from the target lesions that were read, mRECIST where viable diameters are known; "
        "hazard ratios of both divisions on the same patients and from the same day.",
    ),
    (
        "Missing values",
        "Not stated to us.",
        "The clinical score needs all seven values: where one is missing the models without it answer, "
        "and in training it is the median.",
    ),
)  # fmt: skip
_TGR = "10.1158/1078-0432.CCR-13-2098"
_PAPER = "10.1186/s13244-024-01784-8"
#: (what, how, source, DOI or "").
FORMULAS = (
    (
        "RECIST 1.1",
        "Sum of the longest diameters of up to five targets of 10 mm or more, two an organ (lymph nodes: "
        "short axis, 15 mm). Complete response: all gone; partial: 30 % or more below baseline; "
        "progression: 20 % and 5 mm or more above the smallest sum so far, a new lesion, or unequivocal "
        "progression of others; else stable.",
        "Eisenhauer et al., Eur J Cancer 2009;45:228-247.", "10.1016/j.ejca.2008.10.026",
    ),
    (
        "mRECIST",
        "The same on the diameters of what enhances in the arterial phase, of lesions in the liver; a "
        "diameter that is not known is never guessed from the whole lesion, and a new lesion counts from "
        "10 mm.",
        "Lencioni and Llovet, Semin Liver Dis 2010;30:52-60.", "10.1055/s-0030-1247132",
    ),
    (
        "Tumor growth rate",
        "TG = 3 · ln(D₁ / D₀) / months of a diameter, ln(V₁ / V₀) / months of a volume; TGR = 100 · "
        "(exp(TG) − 1), % of volume a month. A month has 30.4375 days. What vanished counts as 5 mm: it "
        "shrank at least so fast.",
        "Ferté et al., Clin Cancer Res 2014;20:246-252.", _TGR,
    ),
    (
        "Growth, as a covariate",
        "Mean of ln(D₁ / D₀) / months over the tumors on the slices of both scans, weighted by their "
        "diameter at baseline, at most 0.35 a month either way. A vanished tumor counts as 5 mm in "
        "the liver and 3.5 mm in the lung.",
        "After the same; weights and bounds are ours.", _TGR,
    ),
    (
        "Choice of slices",
        "The three slices with most tumor; where there is none, with most organ. Of equal slices the "
        "lower one.",
        "Xia et al., Insights into Imaging 2024.", _PAPER,
    ),
    (
        "Longest diameter",
        "Longest distance between outer corners of a tumor's pixels on one slice.",
        "RECIST 1.1 measures in the axial plane; the corners are ours.",
        "10.1016/j.ejca.2008.10.026",
    ),
    (
        "Dead tumor",
        "Share of a tumor's pixels below halfway from viable tumor (upper quartile of its smoothed "
        "density) down to 20 HU.",
        "Ours, from simulated scans", "",
    ),
    (
        "Passage from tumor to liver",
        "Contrast over the steepest slope of the mean density profile across the outline.",
        "Ours, from simulated scans", "",
    ),
    (
        "Importance",
        "Fall of the C-index where one thing is shuffled between patients, its views together; mean of "
        "50 shuffles.",
        "Breiman, Mach Learn 2001;45:5-32.", "10.1023/A:1010933404324",
    ),
)  # fmt: skip
#: Sign → how it is measured, and why.
MEANINGS: Mapping[str, str] = {
    "liver_diameter": "Longest diameter of the largest tumor on the slices: tumor load.",
    "liver_area": "Largest area of all liver tumors on one slice: tumor load.",
    "liver_number": "How many tumors the slices show: tumor load.",
    "lung_load": "Volume of lung metastases, as spheres of their longest diameter.",
    "edge_mm": "Width over which density passes from tumor to liver: an infiltrating edge is wide.",
    "mottle_hu": "Spread of density inside living tumor, 4 mm from its edge.",
    "roughness_hu": "Spread of liver density between 2.5 and 8 mm, away from tumors and surface: "
    "nodules of cirrhosis.",
    "growth": "Monthly change of the logarithm of diameters of tumors seen twice.",
    "area_growth": "Half the monthly change of the logarithm of the largest tumor area on a slice.",
    "necrosis": "Change of the share of tumor that does not enhance: what died is better, as in mRECIST.",
    "new_lesion": "A tumor at follow-up that was not there before, outlined or seen by the reader.",
    "network": "Log hazard by the networks' mean; in training by networks that had not seen the patient.",
}  # fmt: skip
LIMITS = """
**What it cannot show.** Everybody in such a cohort was given immunotherapy: the models say nothing of
other treatments, and not whether immunotherapy should begin, go on or stop. Who has a follow-up scan
lived to have it. Early growth can be pseudoprogression, which neither RECIST 1.1 nor these models
confirm by a later scan (iRECIST does). Sizes, edges and densities depend on the outline, the phase and
the scanner; slices show a part of the tumors. Differences of a C-index of 0.01 or 0.02 between models
lie within what a few hundred patients leave open: judge by patients held out.
"""
