"""What the performance claims in BENCHMARKS.md run."""
