"""System 4: CT before and under immunotherapy, with a clinical score, against RECIST."""
