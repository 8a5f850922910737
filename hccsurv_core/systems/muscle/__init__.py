"""System 1: radiomics of the L3 muscle, survival, and five definitions of sarcopenia."""
