"""Sweeps: sets of runs that differ in one knob or two, in their rule and their seed, and the few numbers that are kept
of each."""
