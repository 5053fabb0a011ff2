"""Writes numbers for a person to read."""

import math


def format_share(value: float) -> str:
    """Writes a share in [0, 1] as a percentage; one below 1 % with two digits."""
    return f"{value:.{_count_decimals(value)}%}"


def format_shares(mean: float, sd: float) -> str:
    """Writes the mean of shares and their standard deviation with the same digits."""
    num_decimals = _count_decimals(mean)
    return _join(f"{100 * mean:.{num_decimals}f}", f"{sd:.{num_decimals}%}")


def format_loss(value: float) -> str:
    """Writes a loss with three digits."""
    return f"{value:.3g}"


def format_value(value: float, like: float | None = None) -> str:
    """Writes a number with three digits after the point, or fewer if it is large.

    Args:
        value: the number; what would be rounded to zero is written as below that, or,
            if it is negative, as about zero.
        like: another number, whose number of digits is taken instead.
    """
    num_before = len(str(int(abs(value if like is None else like))))
    num_after = max(0, 4 - num_before)
    text = f"{abs(value):.{num_after}f}"
    if value and not float(text):
        return f"<{10**-num_after:g}" if value > 0 else "≈0"
    return f"−{text}" if value < 0 else text


def format_mean(mean: float, sd: float) -> str:
    """Writes a mean and its standard deviation with the same digits."""
    return _join(format_value(mean), format_value(sd, like=mean))


def format_ordinal(rank: int) -> str:
    """Writes a rank: 1st, 2nd, 3rd, 4th, 11th, 21st."""
    if rank % 100 in (11, 12, 13):
        return f"{rank}th"
    return f"{rank}{({1: 'st', 2: 'nd', 3: 'rd'}).get(rank % 10, 'th')}"


def enumerate_words(words: list[str]) -> str:
    """Joins words by commas and a last “and”."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if words[1:] else words)


def _count_decimals(share: float) -> int:
    if not 0 < share < 0.01:
        return 1
    return 1 - math.floor(math.log10(100 * share))


def _join(mean: str, sd: str) -> str:
    return f"{mean}\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}{sd}"
