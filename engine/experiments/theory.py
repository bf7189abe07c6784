"""Theory: what is predicted of a run from its settings alone, each formula with its source. Nothing here looks at a
run or at a rule's code.

One exception: the edges of SAM and SSAM depend on the gradient, which no setting tells. They take its norm G, and
SSAM's also the norm U at the perturbed point, as measured along the run whose sharpness they are compared with; never
that sharpness itself. Likewise `worst_sharpness`, `ascent_sharpness` and `average_sharpness` relate two measurements:
of a rise of the loss, and of the Hessian and the gradient beneath it.

eta is the learning rate, rho the radius, lam the largest Hessian eigenvalue, G the norm of the full-batch gradient;
no momentum, full batches.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np


def gd_edge(eta: float) -> float:
    """2/eta: gradient descent on a quadratic is bounded if and only if lam is below it."""
    return 2 / eta


def usam_edge(eta: float, rho: float) -> float:
    """The lam that solves lam + rho lam² = 2/eta: USAM's step multiplies the sharpest coordinate by 1 - eta (lam +
    rho lam²) (Dai, Ahn & Sra 2023, arXiv 2305.15287)."""
    return (math.sqrt(1 + 8 * rho / eta) - 1) / (2 * rho) if rho else gd_edge(eta)


def sam_edge(eta: float, rho: float, gradient_norm: float) -> float:
    """The lam that solves lam + rho lam²/G = 2/eta (Long & Bartlett 2024, arXiv 2309.12488): USAM's edge at the
    radius rho/G."""
    return usam_edge(eta, rho / gradient_norm) if gradient_norm else 0.0


def ssam_edge(eta: float, rho: float, gradient_norm: float, ascent_norm: float) -> float:
    """SAM's edge at the rate eta G/U, U = |∇L(w + rho g/|g|)|: SSAM's step is SAM's, rescaled by G/U (Tan et al.
    2024, arXiv 2401.07250).

    [derived] On a quadratic U is at most G + rho lam, where g lies along the sharpest direction: the edge is then
    2/eta, and below it otherwise.
    """
    return sam_edge(eta * gradient_norm / ascent_norm, rho, gradient_norm) if ascent_norm else gd_edge(eta)


def sam_cycle(eta: float, rho: float, lam: float) -> float:
    """The distance from the minimum of SAM's 2-cycle along the sharpest direction, eta rho lam/(2 - eta lam): where
    x becomes -x in a step (Bartlett,
    Long & Bousquet 2023, arXiv 2210.01513; for eta lam < 1 also Wen, Ma & Li 2023, thm. 4.8, arXiv 2211.05729).
    [derived] For eta lam from 1 up to 2 as well:
    x -> x - eta lam (x + rho sign x) has this cycle, and nears it by the factor abs(1 - eta lam)."""
    return eta * rho * lam / (2 - eta * lam)


def threshold_gd(lam: float) -> float:
    """The learning rate up to which gradient descent on a quadratic is bounded, 2/lam; SAM and SSAM too, whatever
    their radius, because far away from the minimum a perturbation of fixed length is nothing [derived] (for SAM: Dai,
    Ahn & Sra 2023)."""
    return 2 / lam


def threshold_usam(lam: float, rho: float) -> float:
    """The same of USAM, 2/(lam + rho lam²): where lam meets `usam_edge` (Dai, Ahn & Sra 2023)."""
    return 2 / (lam + rho * lam**2)


def product_stop_gd(eta: float) -> float:
    """The |y| at which gradient descent on l(xy), l(u) = sqrt(1 + u²) - 1, comes to rest after it has bounced along
    the valley x = 0: y² = 2/eta - eta.

    The curvature at (0, y) is y², stable below 2/eta; Dai, Ahn & Sra 2023 show 2/eta - O(eta). [derived] Let eta y² =
    2 + e and s = |x|. For small e and s a step changes s by s (e - 2 s²/eta) and e by -4 eta s². Then s² is linear in
    e plus a part that has died out, s² = eta (e/2 + eta²/2), and it rests where s = 0: e = -eta².
    """
    return math.sqrt(gd_edge(eta) - eta)


def product_stop_usam(eta: float, rho: float) -> float:
    """The |y| below which the valley is stable for USAM: where the curvature y² is `usam_edge` (Dai, Ahn & Sra
    2023); it rests a little below."""
    return math.sqrt(usam_edge(eta, rho))


PASSAGE = 0.808617
"""-E in the limit t -> ∞ of S' = S (E - 2 S²), E' = -S, coming from E = ∞ along S² = E/2."""


def product_stop_ssam(eta: float, rho: float) -> float:
    """The same as `product_stop_gd` of SSAM around SAM: y² = 2/eta - PASSAGE (4 rho)^(2/3).

    [derived] Across the valley SSAM's step is gradient descent's. Along it, the gradient at s + rho has the slope (s
    + rho)/y: with e and s as there, e changes by -4 eta s (s + rho), which for s << rho is -4 eta rho s. With e = k
    E, s² = eta k S² and k = (4 rho)^(2/3) eta this is the passage above.
    """
    return math.sqrt(gd_edge(eta) - PASSAGE * (4 * rho) ** (2 / 3))


def product_valley(x: float, y: float, eta: float) -> tuple[float, float]:
    """The step at which descent on l(xy) from (x, y), y > x > 0, reaches the valley x = 0, and |y| there.

    [derived] Far from the valley l' = 1, and a step moves x by -eta y; and gradient flow keeps y² - x².
    """
    return x / (eta * y), math.sqrt(y**2 - x**2)


def product_drift_sam(y: float, eta: float, rho: float, steps: int) -> np.ndarray:
    """[steps + 1]: |y| of SAM on l(xy) from y > 0 on, while it is on its 2-cycle x = ± a and |x| << |y|: y' = y - 2
    a (a + rho)/y.

    [derived] The gradient is l'(xy) (y, x), and its direction (1, x/y) but for O(x²/y²): the ascent leads rho further
    out, to c = a + rho, where the gradient is l'(c y) (y, c). The first component takes a to -a, so that 2 a = eta y
    l'(c y); the second moves y by eta c l'(c y) = 2 a c/y. Where c y is small, l'(u) = u, a is `sam_cycle` of lam =
    y² and y' = y (1 - eta rho²/(1 - eta y²/2)²) (Dai, Ahn & Sra 2023, to that order).
    """
    ys, a = [y], eta * y / 2
    for _ in range(steps):
        y = ys[-1]
        for _ in range(4):  # Newton's method; from a larger y's root it comes down to this one, because l' is concave
            u = (a + rho) * y
            a -= (eta * y * u / math.hypot(1, u) - 2 * a) / (eta * y**2 / math.hypot(1, u) ** 3 - 2)
        ys.append(y - 2 * a * (a + rho) / y)
    return np.array(ys)


def least_trace(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, float]:
    """The beta [d] with x beta = y whose diagonal net u ⊙ v has the smallest Hessian trace, and that trace; x is [n,
    d], y [n].

    1-SAM drifts to where the trace is least (Wen, Ma & Li 2023, sec. 5, arXiv 2211.05729). [derived] Of L = 1/(2n) Σ
    (<u ⊙ v, x_i> - y_i)² it is
    Σ s_j (u_j² + v_j²) with s_j the mean of x_ij² over i, and with u_j v_j = beta_j given at least 2 Σ s_j |beta_j|:
    a linear program.
    """
    from scipy.optimize import linprog  # not before somebody asks: it takes long to import

    s = (x**2).mean(0)
    found = linprog(np.concatenate([s, s]), A_eq=np.concatenate([x, -x], 1), b_eq=y, bounds=(0, None))
    return found.x[: len(s)] - found.x[len(s) :], 2 * found.fun


def adversarial_gradients(steps: int, adversarial: int, ascents: int) -> int:
    """Gradient evaluations of a run of which `adversarial` steps train on moved inputs: those cost `ascents`
    gradients more (Madry et al. 2018, sec. 2.1)."""
    return steps + adversarial * ascents


def graph_sam_gradients(steps: int, epoch: int) -> int:
    """Gradient evaluations of GraphSAM: one a step, and one more at the first step of every epoch of so many steps
    (Wang et al. 2024, arXiv 2406.13137)."""
    return steps + math.ceil(steps / epoch)


def saddle_path(start: float, step: float, rho: float, steps: int) -> np.ndarray:
    """[steps + 1]: the distance y from a saddle along its escape direction, with curvature -lam there and step = eta
    lam.

    Gradient descent (rho 0): y' = y (1 + step). SAM takes the gradient -lam (y - rho), for its ascent leads back
    towards the saddle:
    y' - rho = (y - rho)(1 + step), which grows from beyond rho only. SSAM makes it as long as -lam y again: there it
    moves as gradient
    descent does. [derived; that a saddle can attract SAM: Kim et al. 2023, arXiv 2301.06308, who leave the
    perturbation unnormalized]
    """
    return rho + (start - rho) * (1 + step) ** np.arange(steps + 1)


def saddle_steps(start: float, far: float, step: float) -> float:
    """The steps in which a distance grows from `start` to `far` by the factor 1 + step each; of SAM: y - rho grows
    so, by `saddle_path`."""
    return math.log(far / start) / math.log1p(step)


def saddle_sink(step: float) -> float:
    """The factor by which SSAM nears a saddle of curvatures ± lam from deep within rho, a step: there w + rho
    g/norm(g) lies almost rho along g = H w, where the gradient is almost rho H² w/norm(H w), which points to w
    because H² = lam²; at the length of g it makes w' = w (1 - eta lam). [derived]"""
    return 1 - step


TWO_CURVATURES = {"largest": (0.0, 0.0), "smallest": (1.0, 1.0), "sum": (4 / 5, 1 / 7)}
"""Where on the minima x3 = x4 = 0 of F1 x3² + F2 x4², with F1 = x1² + 6 x2² + 8 and F2 = 4 (1 - x1)² + (1 - x2)² + 1,
the larger eigenvalue 2 F1, the smaller one 2 F2 and their sum are least: where the gradients of F1, F2 and F1 + F2
are 0. The form is that of Wen, Ma & Li 2023, fig. 1 (arXiv 2211.05729); the coefficients could not be verified."""


def two_curvatures_drift(name: str, eta: float, rho: float, steps: int, points: int = 1000) -> np.ndarray:
    """[points + 1, 2]: x1 and x2 over the steps, from (1/2, 1/2), of "SAM", "1-SAM" or gradient descent on the
    "ascent" loss, along the minima.

    Across, along an eigenvector of lam, SAM is on its 2-cycle (`sam_cycle`), where it takes the gradient c = rho/(1
    - eta lam/2) away from the minimum: a
    step along the minima is -eta c² grad F1, with lam = 2 F1. 1-SAM takes the terms 2 F x² in turn, with lam = 4 F1
    or 4 F2: on average -eta (c1² grad F1 +
    c2² grad F2). The ascent loss is rho² F2 where x3 = 0 and x4 -> 0: -eta rho² grad F2. As rho -> 0 SAM's is the
    gradient flow of lam1/2 and
    1-SAM's that of the trace (Wen, Ma & Li 2023, thm. 4.5 and 5.4); of the ascent loss their thm. 4.2 gives the
    minimizers only. The rest is [derived].
    """
    x, path = np.full(2, 0.5), [np.full(2, 0.5)]
    for _ in range(points):
        slopes = np.array([[2 * x[0], 12 * x[1]], [-8 * (1 - x[0]), -2 * (1 - x[1])]])
        f = np.array([x[0] ** 2 + 6 * x[1] ** 2 + 8, 4 * (1 - x[0]) ** 2 + (1 - x[1]) ** 2 + 1])
        lam = {"SAM": 2 * f, "1-SAM": 4 * f, "ascent": 0 * f}[name]
        taken = {"SAM": (1, 0), "1-SAM": (1, 1), "ascent": (0, 1)}[name]
        x = x - steps / points * eta * ((rho / (1 - eta * lam / 2)) ** 2 * taken) @ slopes
        path.append(x)
    return np.array(path)


def worst_sharpness(rho: float, lam: float) -> float:
    """R_max at a minimum, where the largest eigenvalue is lam: rho² lam/2 on a quadratic, and elsewhere as rho -> 0
    (Wen, Ma & Li 2023, def. 4.1 and thm. 4.2, arXiv 2211.05729)."""
    return rho**2 * lam / 2


def ascent_sharpness(rho: float, gradient_norm: float, along: float) -> float:
    """R_asc on a quadratic: rho G + rho²/2 g'Hg/G², where `along` is g'Hg/G², the curvature along the gradient. Close
    to a minimum, where rho dwarfs G/lam, the second term is left: it depends on where g points, and is least, rho²
    lam_min⁺/2, along the smallest non-zero eigenvalue (Wen, Ma & Li 2023, def. 4.1 and thm. 4.2)."""
    return rho * gradient_norm + rho**2 * along / 2


def average_sharpness(rho: float, trace: float, n: int) -> float:
    """R_avg on a quadratic of n parameters, anywhere: rho² Tr(H)/(2n), as E z z'/norm(z)² = I/n and the slope drops
    out (Wen, Ma & Li 2023, def. 4.1 and thm. 4.2)."""
    return rho**2 * trace / (2 * n)


def normalization_share_cnn(channels: Sequence[int], classes: int, side: int) -> float:
    """The share of all parameters that are BatchNorm's, in 3x3 convolutions between `channels` and a linear read-out
    of side² pixels.

    A mean over the image before the read-out leaves one pixel. [derived] A convolution from b to c channels has 9 b c
    weights, and no bias before BatchNorm, which has a scale and a shift for each of the c.
    """
    norms = 2 * sum(channels[1:])
    return norms / (norms + sum(9 * b * c for b, c in pairwise(channels)) + classes * (channels[-1] * side**2 + 1))


def normalization_share_vit(width: int, depth: int, tokens: int, pixels: int, classes: int) -> float:
    """The share of all parameters that are LayerNorm's, in a vision transformer of `tokens` patches of `pixels`
    numbers, MLPs four times as wide as a token.

    [derived] A block has 4 W² + 4 W parameters in its attention, 8 W² + 5 W in its MLP, and two norms of 2 W each;
    one more norm follows the last block.
    """
    norms = 2 * width * (2 * depth + 1)
    return norms / (norms + depth * (12 * width**2 + 9 * width) + width * (pixels + 1 + tokens) + classes * (width + 1))
