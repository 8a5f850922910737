"""Regions of interest: the L3 level, muscle, psoas and fat, found without downloaded weights."""
