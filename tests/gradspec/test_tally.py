"""What becomes of a check's counts."""

from gradspec.checks import Check, Outcome
from gradspec.domains import Case
from gradspec.tally import Tally

CASE = Case(sizes={}, lead=(), params={}, keys={}, drawn=(), dtype="float64", seed=0)


def counted(*, sampled: bool) -> tuple[int, int]:
    """Conclusive comparisons and all of them, after one sharp and one blurred case."""
    tally = Tally(Check("some_check", lambda trial, evidence: [], "nothing"))
    tally.add(CASE, [Outcome(entries=2, comparisons=5, conclusive=5)])
    tally.add(CASE, [Outcome(entries=2, comparisons=7, conclusive=1)], sampled=sampled)
    return tally.conclusive, tally.comparisons


def test_a_blurred_case_of_the_sample_counts_whole() -> None:
    """An even draw is blurred as often as the domain is."""
    assert counted(sampled=True) == (6, 12)


def test_of_a_case_that_was_sought_out_only_the_sharp_comparisons_count() -> None:
    """Where the bar is nearly reached, it is large: that is why Hypothesis went there."""
    assert counted(sampled=False) == (6, 6)
