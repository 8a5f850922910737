"""A procedural abdomen: one body from its causes, and its scan with the truth."""
