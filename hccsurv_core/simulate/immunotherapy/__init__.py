"""Virtual cohort of system 4: liver and lungs before and under immunotherapy."""
