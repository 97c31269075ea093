"""How figures are written in the command line's tables."""

__all__ = ["duration", "interval", "milliseconds", "percent_or_value"]


def duration(seconds: float) -> str:
    """Seconds as a person says them."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def percent_or_value(value: float) -> str:
    """A metric with as many digits as a test set can carry."""
    return f"{value:.4f}"


def interval(bounds: tuple[float, float] | list[float]) -> str:
    """The two ends of an interval."""
    low, high = bounds
    return f"{low:.3f} – {high:.3f}"


def milliseconds(value: float) -> str:
    """A latency with two telling digits."""
    return f"{value:.2f} ms" if value < 10 else f"{value:.0f} ms"
