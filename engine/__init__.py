"""Ravine's engine: a spec becomes a run, a run becomes records, a record becomes a figure. It never imports
streamlit."""

import os

# Models this small run up to hundreds of times slower on several threads of a busy machine; read once, when numpy and
# torch load.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
