"""Analyses: what is computed of a trained run, or of several: planes and surfaces, spectra, alignments, sharpness."""
