"""Radiomics: PyRadiomics' features, by PyRadiomics itself or by a fast engine that gives the same.

Start at :func:`hccsurv_core.features.radiomics.extract.extract_radiomics`.
"""
