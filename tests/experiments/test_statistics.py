"""Means, deviations and intervals against numbers worked out by hand and against the printed t-table."""

from __future__ import annotations

import math

import pytest

from experiments.statistics import incomplete_beta, summarize, t_probability, t_quantile

TABLE = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 9: 2.262, 10: 2.228, 30: 2.042, 120: 1.980}
"""Two-sided 95 % points of Student's t by degrees of freedom, as every textbook prints them."""
TABLE_99 = {1: 63.657, 4: 4.604, 9: 3.250, 60: 2.660}


def test_by_hand() -> None:
    """1, 2, 3, 4: mean 2.5, std sqrt(5/3), interval 2.5 ± 3.18244630528 × std / 2."""
    summary = summarize([1.0, 2.0, 3.0, 4.0])
    half = 3.182446305284263 * math.sqrt(5 / 3) / 2

    assert 4 == summary.n
    assert 2.5 == summary.mean
    assert math.sqrt(5 / 3) == pytest.approx(summary.std, rel=1e-15)
    assert (2.5 - half, 2.5 + half) == pytest.approx((summary.low, summary.high), rel=1e-12)


def test_another_confidence() -> None:
    """The interval of 99 % is wider by the ratio of the quantiles."""
    wide, usual = summarize([1.0, 3.0, 2.0, 9.0, 4.0], confidence=0.99), summarize([1.0, 3.0, 2.0, 9.0, 4.0])

    assert (wide.high - wide.mean) / (usual.high - usual.mean) == pytest.approx(4.604 / 2.776, rel=1e-3)


@pytest.mark.parametrize("freedom", TABLE)
def test_quantiles_of_the_table(freedom: int) -> None:
    """The printed table, to its last digit."""
    assert TABLE[freedom] == round(t_quantile(0.975, freedom), 3)
    assert -TABLE[freedom] == round(t_quantile(0.025, freedom), 3)
    if freedom in TABLE_99:
        assert TABLE_99[freedom] == round(t_quantile(0.995, freedom), 3)


def test_quantiles_in_closed_form() -> None:
    """For 1 and 2 degrees of freedom the quantile is a formula: tan(π(p − 1/2)), (2p − 1) / sqrt(2p(1 − p))."""
    for p in (0.51, 0.6, 0.9, 0.975, 0.999):
        assert math.tan(math.pi * (p - 0.5)) == pytest.approx(t_quantile(p, 1), rel=1e-10)
        assert (2 * p - 1) / math.sqrt(2 * p * (1 - p)) == pytest.approx(t_quantile(p, 2), rel=1e-10)
    assert t_quantile(0.5, 3) == pytest.approx(0, abs=1e-10)
    assert t_quantile(0.975, 10**6) == pytest.approx(1.959966, abs=1e-5)  # the normal distribution's


def test_probability_and_quantile_are_inverse() -> None:
    """t_probability(t_quantile(p)) is p, on both sides of the middle."""
    for freedom in (1, 2, 4, 9, 49):
        for p in (0.001, 0.2, 0.5, 0.8, 0.975, 0.9999):
            assert t_probability(t_quantile(p, freedom), freedom) == pytest.approx(p, rel=1e-9)


def test_incomplete_beta_in_closed_form() -> None:
    """I_x(1, b) = 1 − (1 − x)^b, I_x(a, 1) = x^a, I_x(a, b) = 1 − I_{1−x}(b, a), and its ends."""
    for x in (0.01, 0.3, 0.5, 0.8, 0.99):
        assert incomplete_beta(x, 1, 3.5) == pytest.approx(1 - (1 - x) ** 3.5, rel=1e-12)
        assert incomplete_beta(x, 2.5, 1) == pytest.approx(x**2.5, rel=1e-12)
        assert incomplete_beta(x, 4, 0.5) == pytest.approx(1 - incomplete_beta(1 - x, 0.5, 4), rel=1e-12)
    assert (0.0, 1.0) == (incomplete_beta(0, 2, 3), incomplete_beta(1, 2, 3))


def test_one_value_says_nothing_about_the_spread() -> None:
    """n = 1: the mean is the value, the deviation is unknown, the interval is everything."""
    summary = summarize([3.0])

    assert (1, 3.0, -math.inf, math.inf) == (summary.n, summary.mean, summary.low, summary.high)
    assert math.isnan(summary.std)


def test_equal_values_have_no_spread() -> None:
    """Equal values: deviation 0, the interval is the value."""
    summary = summarize([0.1] * 7)

    assert (0.1, 0.0, 0.1, 0.1) == (summary.mean, summary.std, summary.low, summary.high)


@pytest.mark.parametrize("lost", [math.nan, math.inf, -math.inf])
def test_a_lost_value_is_not_left_out(lost: float) -> None:
    """One value that is not finite makes the mean and the interval unknown; n still counts it."""
    summary = summarize([1.0, lost, 2.0])

    assert 3 == summary.n
    assert all(map(math.isnan, (summary.mean, summary.std, summary.low, summary.high)))


def test_huge_values() -> None:
    """A loss of 1e300 neither overflows the squares nor the sum."""
    summary = summarize([1e300, 3e300])
    largest = summarize([1.7e308] * 4)

    assert (2e300, math.sqrt(2) * 1e300) == pytest.approx((summary.mean, summary.std))
    assert 1.7e308 == pytest.approx(largest.mean)


def test_a_far_mean_costs_no_digits() -> None:
    """The deviation is that of the differences, however far from 0 they lie."""
    assert 1.0 == summarize([1e9, 1e9 + 1, 1e9 + 2]).std


def test_coverage() -> None:
    """Of 400 intervals over 5 normal values, about 95 % hold the true mean: at least 92 %, at most 98 %."""
    import numpy as np

    rng = np.random.default_rng(0)
    samples = [summarize(rng.normal(3.0, 2.0, 5).tolist()) for _ in range(400)]

    assert 0.92 <= sum(one.low <= 3.0 <= one.high for one in samples) / len(samples) <= 0.98


def test_mistakes() -> None:
    """No values, a probability of 1 and no degrees of freedom are refused."""
    with pytest.raises(ValueError, match="no values"):
        summarize([])
    for probability, freedom in ((1.0, 3), (0.0, 3), (0.9, 0)):
        with pytest.raises(ValueError, match="need 0 < p < 1"):
            t_quantile(probability, freedom)
