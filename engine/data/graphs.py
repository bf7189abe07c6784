"""Graphs: random ones of four families that have as many edges as each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from engine.data.dataset import Dataset, Inputs, random
from engine.spec import knob

DEGREE = 4
"""Mean degree of every graph: V vertices have 2 V edges, whatever the family, so that counting edges tells nothing."""
REWIRED, BETWEEN = 0.1, 0.1
"""The share of a lattice's edges that is rewired, and how much likelier an edge is within a community than between
the two, inverted."""
Pairs = list[tuple[int, int]]


@dataclass(frozen=True)
class Graphs(Dataset):
    """Random graphs of four families, a class each: Erdős-Rényi, small worlds, two communities, preferential
    attachment; all with two edges per vertex.

    G(n, m) of Erdős & Rényi 1959; ring lattices with a tenth of the edges rewired (Watts & Strogatz 1998); two halves
    with ten times likelier edges inside (a stochastic block model, Holland et al. 1983); attachment to vertices by
    their degree from a complete graph of 5 (Barabási & Albert 1999). The vertices are shuffled. A vertex has two
    features: 1, and its degree over 4.
    """

    train: int = knob(400, 10, 2000, "Training graphs", "As many again are held out.", log=True)
    vertices: int = knob(16, 8, 48, "Vertices", "V, in each graph.")
    draw: int = knob(0, 0, 9999, "Draw", "Which random draw of the graphs.")

    @property
    def inputs(self):
        return Inputs("graph", (self.vertices, self.vertices + 2), len(FAMILIES))

    def split(self):
        rng, n = random(self.draw, "graphs"), self.train
        y = rng.integers(0, len(FAMILIES), 2 * n)
        x = np.stack([_described(FAMILIES[family](self.vertices, rng), self.vertices, rng) for family in y])
        return x[:n], y[:n], x[n:], y[n:]


def _described(edges: Pairs, vertices: int, rng: np.random.Generator) -> np.ndarray:
    """[V, V + 2]: the adjacency matrix of a graph, its vertices in random order, beside their features."""
    a, b = rng.permutation(vertices)[np.array(edges)].T
    adjacency = np.zeros((vertices, vertices))
    adjacency[a, b] = adjacency[b, a] = 1.0
    return np.column_stack([adjacency, np.ones(vertices), adjacency.sum(1) / DEGREE])


def _random(vertices: int, rng: np.random.Generator) -> Pairs:
    """Any edges."""
    return _chosen(vertices, rng, lambda a, b: np.ones(len(a)))


def _communities(vertices: int, rng: np.random.Generator) -> Pairs:
    """Edges that seldom join a vertex of the first half to one of the second."""
    return _chosen(vertices, rng, lambda a, b: np.where((a < vertices // 2) == (b < vertices // 2), 1.0, BETWEEN))


def _chosen(vertices: int, rng: np.random.Generator, weight: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Pairs:
    """Edges in the family's number, each pair of vertices a < b as likely as its weight."""
    a, b = np.triu_indices(vertices, 1)
    weights = weight(a, b)
    picked = rng.choice(len(a), DEGREE * vertices // 2, replace=False, p=weights / weights.sum())
    return [*zip(a[picked].tolist(), b[picked].tolist(), strict=True)]


def _lattice(vertices: int, rng: np.random.Generator) -> Pairs:
    """A ring whose vertices are joined to the two nearest on each side, some of its edges then led elsewhere."""
    edges = [(v, (v + step) % vertices) for v in range(vertices) for step in range(1, DEGREE // 2 + 1)]
    for i in np.flatnonzero(rng.random(len(edges)) < REWIRED):
        v, known = edges[i][0], set(edges)
        free = [u for u in range(vertices) if u != v and (v, u) not in known and (u, v) not in known]
        edges[i] = (v, int(rng.choice(free))) if free else edges[i]
    return edges


def _attached(vertices: int, rng: np.random.Generator) -> Pairs:
    """From a complete graph on, each vertex brings two edges to vertices that are drawn by their degree."""
    edges = [(a, b) for a in range(DEGREE + 1) for b in range(a)]
    degree = np.zeros(vertices)
    degree[: DEGREE + 1] = DEGREE
    for v in range(DEGREE + 1, vertices):
        chosen = rng.choice(vertices, DEGREE // 2, replace=False, p=degree / degree.sum())
        edges += [(v, int(u)) for u in chosen]
        degree[chosen] += 1
        degree[v] = len(chosen)
    return edges


FAMILIES = (_random, _lattice, _communities, _attached)
"""In the order of their classes."""
GRAPHS = (Graphs,)
