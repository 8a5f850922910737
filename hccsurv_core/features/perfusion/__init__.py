"""Perfusion from contrast-enhanced ultrasound: time-intensity curves, bolus models, phases."""
