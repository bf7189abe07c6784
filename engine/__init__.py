"""Ravine's engine: a spec becomes a run, a run becomes records, a record becomes a figure. It never imports
streamlit."""

import os

# Models this small run up to hundreds of times slower on several threads of a busy machine; read once, when numpy and
# torch load.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
# A product of matrices may else differ in its last bits with where in memory they lie, and so with the runs beside it
# in an ensemble; read at the library's first product.
os.environ.setdefault("MKL_CBWR", "AUTO,STRICT")
