"""Models of graphs."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch.nn.functional as F

from engine.models.model import ACTIVATIONS, Block, Model, activations, affine, applied, needs, norms, pair, starts
from engine.spec import choice, knob


@dataclass(frozen=True)
class GraphNet(Model):
    """A graph isomorphism network: nodes add up their neighbours, h' = MLP((1 + eps) h + A h), and a linear layer
    reads out all of them.

    Xu, Hu, Leskovec & Jegelka 2019, eq. 4.1 (arXiv 1810.00826), with a learned eps that starts at 0, MLPs of two
    layers, and a read-out of the last layer only. x is [N, V, V+F]: the adjacency matrix A beside the features of the
    nodes; all V nodes count.
    """

    width: int = knob(16, 1, 256, "Width", "Numbers that describe a node.", log=True)
    depth: int = knob(2, 1, 8, "Depth", "Rounds of adding up neighbours.")
    readout: str = choice("mean", ("mean", "sum"), "Read-out", "Over the nodes; a sum tells sizes apart (sec. 5.2).")
    activation: str = activations()
    init: str = starts()
    norm: str = norms("batch", "batch", "layer")

    def layout(self, inputs):
        needs(inputs, "a GraphNet", "graph")
        nodes, columns = inputs.shape
        blocks: list[Block] = []
        for i, (before, after) in enumerate(pairwise([columns - nodes, *[self.width] * self.depth])):
            blocks.append(Block(f"gin{i + 1}.eps", (1,), "bias", "GIN"))
            blocks += affine(f"gin{i + 1}.mlp1", "Linear", after, before, norm=self.norm)
            blocks += affine(f"gin{i + 1}.mlp2", "Linear", after, after, norm=self.norm)
        return (*blocks, *pair("linear", "Linear", inputs.classes, self.width))

    def widest(self, inputs):
        nodes, columns = inputs.shape
        return nodes * max(columns, self.width)

    def logits(self, blocks, x, normalize):
        rest, act, nodes = iter(blocks), ACTIVATIONS[self.activation], x.shape[1]
        adjacency, h = x[..., :nodes], x[..., nodes:]
        for _ in range(self.depth):
            h = ((1 + next(rest)) * h + adjacency @ h).flatten(0, 1)
            for _ in range(2):
                h = act(applied(F.linear, h, rest, self.norm, normalize))
            h = h.unflatten(0, (-1, nodes))
        return F.linear(h.mean(1) if self.readout == "mean" else h.sum(1), *rest)


GRAPH = (GraphNet,)
