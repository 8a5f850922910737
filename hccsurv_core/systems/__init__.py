"""The main jobs, each over the rooms above, with nothing of its own that belongs there."""
