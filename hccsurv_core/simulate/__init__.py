"""Simulated patients whose truth is known. Shares no code with `features` or `models`."""
