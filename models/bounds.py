"""How high an error rate may be, given what was seen: exact binomial bounds and their clustered form."""

from __future__ import annotations

import math

_STEPS = 500
_TINY = 1e-300


def chance_of_at_most(errors: float, seen: float, rate: float) -> float:
    """Probability of at most `errors` wrong ones in `seen` independent ones of which each is wrong with `rate`.

    Counts need not be whole: those of values that come in clusters are divided by their design effect.
    """
    if seen <= 0 or errors >= seen or rate <= 0:
        return 1.0
    return 0.0 if rate >= 1 else _incomplete_beta(1 - rate, seen - errors, errors + 1)


def upper_bound(errors: float, seen: float, *, risk: float = 0.05) -> float:
    """The error rate that is not exceeded with probability 1 - risk, given `errors` in `seen` independent values.

    Source: Clopper and Pearson, Biometrika 1934 (one-sided); with effective counts, Korn and Graubard, Survey
    Methodology 1998.
    """
    if seen <= 0 or errors >= seen:
        return 1.0
    low, high = errors / seen, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        if chance_of_at_most(errors, seen, middle) > risk:
            low = middle
        else:
            high = middle
    return high


def lower_bound(errors: float, seen: float, *, risk: float = 0.05) -> float:
    """The error rate that is reached at least with probability 1 - risk. Source: as `upper_bound`."""
    return 0.0 if errors <= 0 or seen <= 0 else 1 - upper_bound(seen - errors, seen, risk=risk)


def _incomplete_beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function. Source: Lentz's continued fraction, Numerical Recipes, 6.4."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    if x > (a + 1) / (a + b + 2):
        return 1 - front * _fraction(1 - x, b, a) / b
    return front * _fraction(x, a, b) / a


def _fraction(x: float, a: float, b: float) -> float:
    c, d = 1.0, 1 - (a + b) * x / (a + 1)
    d = 1 / (d if abs(d) > _TINY else _TINY)
    total = d
    for m in range(1, _STEPS):
        for numerator in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 + numerator * d
            d = 1 / (d if abs(d) > _TINY else _TINY)
            c = 1 + numerator / c
            c = c if abs(c) > _TINY else _TINY
            total *= d * c
        if abs(d * c - 1) < 1e-12:
            break
    return total
