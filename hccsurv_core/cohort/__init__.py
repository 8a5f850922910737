"""The patient store."""
