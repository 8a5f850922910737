"""What pages share: typed session keys, services over the core, reusable widgets."""
