"""Principal directions of paths that are too large to be decomposed in one piece, against NumPy's decomposition."""

import numpy as np
import pytest
import torch

from engine.analyses import principal as module
from engine.analyses.principal import principal
from tests.drive import returned


@pytest.mark.parametrize("shape", [(60, 200), (200, 60)])
@pytest.mark.parametrize("second", [0.5, 1e-6, 0.0])
def test_in_pieces_as_at_once(shape, second, monkeypatch):
    """The same two directions, though the second be a millionth of the first: the squares in X'X would lose it."""
    monkeypatch.setattr(module, "AT_ONCE", 0)
    random = np.random.default_rng(0)
    left, right = (np.linalg.qr(random.normal(size=(length, 3)))[0] for length in shape)
    found = returned(principal(torch.as_tensor(left @ np.diag([3.0, second, second / 100]) @ right.T))).numpy()
    assert abs(found[0] @ right[:, 0]) == pytest.approx(1, abs=1e-12)
    if second:
        assert abs(found[1] @ right[:, 1]) == pytest.approx(1, abs=1e-6)
        assert found @ found.T == pytest.approx(np.eye(2), abs=1e-12)
    else:
        assert np.isfinite(found).all() and abs(found[0] @ found[1]) < 1e-12
