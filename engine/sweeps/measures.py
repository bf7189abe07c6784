"""The table of all numbers made of robustness maps, each with its definition, formula, source and unit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from engine.sweeps.aggregates import interquartile_mean, performance_profile, probability_of_improvement
from engine.sweeps.boundary import dimension
from engine.sweeps.comparisons import difference
from engine.sweeps.maps import best_cell, best_of, importance, rate_sensitivity, share_within, stable_rate
from engine.sweeps.problems import dimensionality, tuning_sensitivity
from engine.sweeps.spikes import spike_score


@dataclass(frozen=True)
class Measure:
    """What a number is: its title, what it says, its formula in words and TeX between dollars, where it comes from, its
    unit, whether lower is better (None where neither is), and the function that computes it."""

    title: str
    definition: str
    formula: str
    source: str
    unit: str
    lower: bool | None
    function: Callable[..., Any]


MEASURES = {
    "share": Measure(
        "Share of the map near the best",
        "How many of a map's cells have a median loss over seeds at most x % above that of the best cell of all rules "
        "compared, which is chosen by all seeds but one and judged by that one, for the smallest of many noisy medians "
        "is too small.",
        r"$|\{(i, j){:}\ \operatorname{med}_s\, \ell(i, j, s) \leq (1 + x/100)\, L\}|\, /\, |\{(i, j)\}|,$ $L = "
        r"\operatorname{med}_s\, \ell(\operatorname{argmin}_c \operatorname{med}_{s' \neq s}\, \ell(c, s'), s),$ $c$ "
        r"of all rules",
        "no published definition of this form; choosing and judging apart: Cawley & Talbot 2010, JMLR 11",
        "share of cells",
        False,
        share_within,
    ),
    "stable": Measure(
        "Largest stable learning rate",
        "The largest learning rate at which, and at every smaller one of the grid, at least half of the seeds end"
        " with a finite loss not above their start's, with the other knob at the best cell's value.",
        r"$\max\, \{r_k{:}\ |\{s{:}\ \ell(i^*, j, s) \leq \ell_0(s)\}| \geq S/2$ for all $j \leq k\}$",
        "no published definition of this form; a median over seeds of each seed's divergence threshold",
        "learning rate; columns of the grid",
        False,
        stable_rate,
    ),
    "sensitivity": Measure(
        "Learning-rate sensitivity",
        "The loss, at most the start's, averaged over three decades of learning rates around the rule's own best "
        "rate, less its best loss: of the best cell's row of the grid, and of as many decades as the grid has.",
        r"$\operatorname{mean}_r \operatorname{med}_s \min(\ell(i^*, r, s), \ell_0(s)) - L$ over $|\log_{10} r - "
        r"\log_{10} r^*| \leq 3/2$",
        "Wortsman et al. 2023, Small-scale proxies for large-scale Transformer training instabilities, arXiv "
        "2309.14322",
        "loss",
        True,
        rate_sensitivity,
    ),
    "phi": Measure(
        "Tuning sensitivity Phi",
        "How much of a normalized score is gained when the knobs are tuned for each problem, over the one setting"
        " that is best on average; settings are chosen by all seeds but one and scored by that one.",
        r"$\operatorname{mean}_e \max_h G(e, h) - \max_h \operatorname{mean}_e G(e, h),$ $G = (p_{95}(e) - \ell(e, "
        r"h))\, /\, (p_{95}(e) - p_5(e))$",
        "Adkins, Bowling & White 2024, A Method for Evaluating Hyperparameter Sensitivity in Reinforcement "
        "Learning, arXiv 2412.07165, equation 2 (there of mean returns, higher being better; here of losses, "
        "medians over seeds)",
        "normalized score",
        True,
        tuning_sensitivity,
    ),
    "dimensionality": Measure(
        "Effective dimensionality",
        "How many of the two knobs must be tuned for each problem, the rest staying at the setting that is best "
        "on average, for 95 % of the score that tuning both gives.",
        r"$\min\, \{|K|{:}\ \operatorname{mean}_e \max_{h_i = h^*_i,\, i \notin K} G(e, h) \geq 0.95\, "
        r"\operatorname{mean}_e \max_h G(e, h)\},$ $h^* = \operatorname{argmax}_h \operatorname{mean}_e G$",
        "Adkins, Bowling & White 2024, arXiv 2412.07165, section 5: its equation 3 counts the knobs that may "
        "stay, its text and its figure 6 those that must be tuned, as here",
        "knobs",
        True,
        dimensionality,
    ),
    "iqm": Measure(
        "Interquartile mean",
        "The mean of the middle half of all runs' scores of all problems together, more robust than the mean and "
        "less noisy than the median.",
        r"mean of $x_{(i)},$ $\lfloor n/4 \rfloor < i \leq n - \lfloor n/4 \rfloor$",
        "Agarwal et al. 2021, Deep Reinforcement Learning at the Edge of the Statistical Precipice, arXiv 2108.13264",
        "score",
        True,
        interquartile_mean,
    ),
    "improvement": Measure(
        "Probability of improvement",
        "The probability that a run of one rule has a lower score than one of another on the same problem, "
        "averaged over problems; it says how often, not by how much.",
        r"$\operatorname{mean}_e \frac{1}{S^2} \sum_{s, t} \left([a_{es} < b_{et}] + \frac{1}{2} [a_{es} = "
        r"b_{et}]\right)$",
        "Agarwal et al. 2021, arXiv 2108.13264; Mann & Whitney 1947",
        "probability",
        False,
        probability_of_improvement,
    ),
    "profile": Measure(
        "Performance profile",
        "The share of runs, of all problems together, whose score is at most a threshold, for all thresholds; the"
        " interval is for each threshold by itself.",
        r"$F(t) = \operatorname{mean}_{e, s}\, [x_{es} \leq t]$",
        "Agarwal et al. 2021, arXiv 2108.13264 (score distributions); Dolan & More 2002",
        "share of runs",
        False,
        performance_profile,
    ),
    "best_of": Measure(
        "Best of k trials",
        "The lowest loss to expect after trying k cells of the grid at random, without trying one twice, each "
        "with the same one seed.",
        r"$\operatorname{mean}_s \sum_i \binom{n - i}{k - 1} \binom{n}{k}^{-1} \ell_{(i)}(s);$ with replacement "
        r"$\sum_i \left[\left(\frac{n - i + 1}{n}\right)^k - \left(\frac{n - i}{n}\right)^k\right] \ell_{(i)}(s)$",
        "Dodge et al. 2019, Show Your Work, arXiv 1909.03004 (with replacement); Tang et al. 2020, arXiv "
        "2004.13705 (without: unbiased)",
        "loss",
        True,
        best_of,
    ),
    "spikes": Measure(
        "Spike score",
        "The share of a run's measurements at least seven standard deviations from the mean of the last 1,000 "
        "before it, or of those there are, from 50 on.",
        r"$\operatorname{mean}_t\, [|x_t - \operatorname{mean}(x_{t-w}, \ldots, x_{t-1})| \geq 7\, "
        r"\operatorname{std}(x_{t-w}, \ldots, x_{t-1})],$ $w = \min(t, 1000),$ $t > 50$",
        "OLMo team 2025, 2 OLMo 2 Furious, arXiv 2501.00656; there the window is said to be of the last 1,000 "
        "values, and not whether the value itself is one of them, which here it is not",
        "share of measurements",
        True,
        spike_score,
    ),
    "best": Measure(
        "Best cell",
        "The loss in the cell with the smallest median over seeds, by seeds that had no part in the choice.",
        r"$\operatorname{argmin}_c \operatorname{med}_s\, \ell(c, s),$ its loss $L$ as in the share of the map near "
        r"the best",
        "choosing and judging apart: Cawley & Talbot 2010, JMLR 11",
        "loss",
        True,
        best_cell,
    ),
    "difference": Measure(
        "Difference of two rules",
        "In each cell one rule's mean log loss less another's, of the same seeds, and whether that is "
        "significant: an exact sign-flip test, with at most 5 % false finds expected among all that are marked.",
        r"$d = \operatorname{mean}_s \log(a_s / b_s),$ $p = |\{e \in \{-1, 1\}^S{:}\ |\sum_s e_s d_s| \geq |\sum_s "
        r"d_s|\}|\, /\, 2^S,$ Benjamini-Hochberg over cells",
        "Fisher 1935, The Design of Experiments; Benjamini & Hochberg 1995, J. R. Stat. Soc. B 57",
        "log of a ratio of losses",
        True,
        difference,
    ),
    "importance": Measure(
        "Importance of each knob",
        "How much of the variance of the log loss over the map each knob explains by itself, and both only "
        "together; seeds' noise, which would count as the latter, is taken out.",
        r"$V_{\text{rows}}/V,$ $V_{\text{columns}}/V$ and $1 - (V_{\text{rows}} + V_{\text{columns}})/V$ of "
        r"$\operatorname{mean}_s \log \min(\ell, \ell_0),$ from products of two different seeds",
        "Hutter, Hoos & Leyton-Brown 2014, An Efficient Approach for Assessing Hyperparameter Importance, ICML "
        "(there of a random forest; a full grid needs no model); Sobol 1993. For random designs: PED-ANOVA, "
        "Watanabe et al. 2023, arXiv 2304.10255, in Optuna, which ranks knobs by what the best runs have in "
        "common and has no interaction",
        "share of variance",
        None,
        importance,
    ),
    "dimension": Measure(
        "Dimension of the boundary",
        "How the number of boxes that cover the edge between trained and diverged cells grows as they get smaller, 1 "
        "for a smooth curve and 2 for an edge that is everywhere; a run has trained if its loss ends finite and below "
        "its start's, boxes have 2, 4, 8 and so on cells a side up to a third of the map, and the interval is "
        "Student's of the slope: how far the counts are from a power law at these sizes, not what other seeds or "
        "finer maps would give; of edges of known dimension on 64 x 64 cells it held 91 to 98 in 100.",
        r"less the slope of $\log N(s)$ over $\log s,$ where $N(s)$ is the least number over offsets of the $s "
        r"\times s$ boxes that hold a corner where four cells meet that are not all on one side",
        "Sohl-Dickstein 2024, The boundary of neural network trainability is fractal, arXiv 2402.06184 (there of "
        "zooms of many more cells); Falconer 2003, Fractal Geometry, section 3.1",
        "dimension",
        None,
        dimension,
    ),
}
