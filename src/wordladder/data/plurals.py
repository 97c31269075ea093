"""Numbers of things in sentences."""


def counted(number: int, one: str, many: str | None = None) -> str:
    """A number and what it counts: "1 sentence", "14,041 sentences"; `many` is the plural if not by an s."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
