"""Models that are fitted: regression, networks, and how they are kept."""
