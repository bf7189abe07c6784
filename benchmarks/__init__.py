"""Benchmarks: `python -m benchmarks.NAME` prints `ratio NAME VALUE` against a baseline timed in the same process,
repeats interleaved."""
