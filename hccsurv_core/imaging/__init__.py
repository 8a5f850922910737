"""Intensity windows, resampling and pictures of slices."""
