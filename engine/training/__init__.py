"""Training: what a run is, the one loop that steps it, and what is measured on the way."""
