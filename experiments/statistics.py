"""Means with intervals: what a handful of seeds can and cannot say. Standard library only.

Source for the t-interval: Student, "The probable error of a mean", Biometrika 6 (1908). The regularized incomplete beta
function follows Abramowitz and Stegun, 26.5.8 (the continued fraction), summed by Lentz's method.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

CONFIDENCE = 0.95
_TINY = 1e-300
_FRACTION_TERMS = 500
_BISECTIONS = 200


@dataclass(frozen=True)
class Summary:
    """A sample in five numbers.

    Attributes:
        n: How many values.
        mean: Their mean.
        std: Their standard deviation (divisor n - 1); NaN for n < 2.
        low: Lower end of the t-interval for the mean; -inf for n < 2.
        high: Upper end; +inf for n < 2.
    """

    n: int
    mean: float
    std: float
    low: float
    high: float


def summarize(values: Sequence[float], *, confidence: float = CONFIDENCE) -> Summary:
    """Mean, standard deviation and the Student t-interval of *values*.

    Args:
        values: The sample; at least one value. A NaN makes mean and interval NaN: it is not left out.
        confidence: How often such an interval covers the true mean.

    Raises:
        ValueError: There are no values.
    """
    n = len(values)
    if n == 0:
        raise ValueError("no values to summarize")
    mean = _mean(values)
    if n == 1:
        return Summary(n, mean, math.nan, -math.inf, math.inf)
    std = math.hypot(*(value - mean for value in values)) / math.sqrt(n - 1)  # squares could overflow
    half = t_quantile(0.5 + confidence / 2, n - 1) * std / math.sqrt(n)
    return Summary(n, mean, std, mean - half, mean + half)


def _mean(values: Sequence[float]) -> float:
    if not all(map(math.isfinite, values)):
        return math.nan
    try:
        return math.fsum(values) / len(values)
    except OverflowError:  # the sum is beyond the largest float, the mean is not
        return math.fsum(value / len(values) for value in values)


@cache  # of a few degrees of freedom, asked at every point of every curve
def t_quantile(probability: float, freedom: int) -> float:
    """The value below which a Student t variable lies with this probability.

    Args:
        probability: Strictly between 0 and 1.
        freedom: Degrees of freedom, at least 1.

    Raises:
        ValueError: An argument is out of its range.
    """
    if not 0 < probability < 1 or freedom < 1:
        raise ValueError(f"got probability {probability} and {freedom} degrees of freedom; need 0 < p < 1 and >= 1")
    if probability < 0.5:  # the distribution is symmetric
        return -t_quantile(1 - probability, freedom)
    low, high = 0.0, 1.0
    while t_probability(high, freedom) < probability:
        high *= 2
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        if middle in (low, high):  # neighbouring doubles
            break
        if t_probability(middle, freedom) < probability:
            low = middle
        else:
            high = middle
    return high


def t_probability(t: float, freedom: int) -> float:
    """The probability that a Student t variable is at most *t*."""
    tail = incomplete_beta(freedom / (freedom + t * t), freedom / 2, 0.5) / 2
    return 1 - tail if t > 0 else tail


def incomplete_beta(x: float, a: float, b: float) -> float:
    """The regularized incomplete beta function I_x(a, b), for 0 <= x <= 1."""
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    if x > (a + 1) / (a + b + 2):  # where the fraction converges slowly, its mirror image converges fast
        return 1 - incomplete_beta(1 - x, b, a)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    return front * _beta_fraction(x, a, b) / a


def _beta_fraction(x: float, a: float, b: float) -> float:
    c, d = 1.0, 1 / _away_from_zero(1 - (a + b) * x / (a + 1))
    result = d
    for m in range(1, _FRACTION_TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        before = result
        for term in (even, odd):
            d = 1 / _away_from_zero(1 + term * d)
            c = _away_from_zero(1 + term / c)
            result *= c * d
        if result == before:
            break
    return result


def _away_from_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
