"""Classification: a model that does not fit the data is refused, and examples may be taken in chunks."""

import pytest
import torch

from engine.models import CNN, CNNGAP, MLP, GraphNet, ResNet, Transformer, ViT
from engine.problems import Classification, evaluate, parts
from engine.spec import SpecError
from tests.samples import DIGITS, MOONS, Networks, Symbols


@pytest.mark.parametrize(
    "data, model, line",
    [
        (MOONS, CNN, "model: a CNN needs images, and this dataset has points; choose MLP"),
        (MOONS, CNNGAP, "model: a CNNGAP needs images, and this dataset has points; choose MLP"),
        (MOONS, ResNet, "model: a ResNet needs images, and this dataset has points; choose MLP"),
        (Networks(), ViT, "model: a ViT needs images, and this dataset has graphs; choose MLP"),
        (
            Symbols(),
            MLP,
            "model: an MLP needs images, points or graphs, and this dataset has tokens; choose Transformer",
        ),
        (DIGITS, Transformer, "model: a Transformer needs tokens, and this dataset has images; choose MLP"),
        (MOONS, GraphNet, "model: a GraphNet needs graphs, and this dataset has points; choose MLP"),
        (DIGITS, lambda: ViT(patch=3), "model.patch: expected a divisor of 8, the image's side, got 3"),
        (DIGITS, lambda: ViT(patch=16), "model.patch: expected a divisor of 8, the image's side, got 16"),
        (DIGITS, lambda: ViT(width=30, heads=4), "heads: expected a divisor of 30, the width, got 4"),
        (Symbols(), lambda: Transformer(heads=3), "heads: expected a divisor of 32, the width, got 3"),
    ],
)
def test_what_does_not_fit_is_refused(data, model, line):
    with pytest.raises(SpecError) as refused:
        Classification(data, model())
    assert str(refused.value) == line


@pytest.mark.parametrize("count, chunk", [(70, 1), (70, 32), (70, 69), (70, 70), (70, 500)])
def test_sums_over_chunks(count, chunk):
    """Loss, accuracy and gradient over all examples, in chunks whose last is uneven, as over all at once."""
    problem = Classification(DIGITS, MLP(6, 1))
    theta, examples = problem.start(1).double(), problem.load("train", dtype=torch.float64)
    assert torch.allclose(evaluate(problem, theta, examples, chunk), problem.score(theta, *examples), rtol=1e-12)
    pieces = parts(problem, examples, chunk)
    assert len(pieces) == -(-count // chunk)
    whole = torch.func.grad(lambda t: problem.loss(t, *examples))(theta)
    assert torch.allclose(
        torch.stack([torch.func.grad(piece)(theta) for piece in pieces]).sum(0), whole, rtol=1e-9, atol=1e-13
    )
