"""Virtual cohort of system 1: L3 muscle and survival after hepatectomy."""
