"""`wordladder doctor`: what this installation and this machine have."""

from ..extras import EXTRAS
from .console import console, print_json
from .options import Json


def doctor(json: Json = False) -> None:
    """Show versions, extras, cores, instruction sets, accelerators, and where caches lie.

    Example:  wordladder doctor
    """
    from ._machine_report import examine

    found = examine()
    if json:
        print_json(found)
        return
    for section, facts in found.items():
        console.print(f"[bold]{section}[/bold]")
        for name, value in facts.items():
            shown = ", ".join(value) if isinstance(value, list) else str(value)
            missing = section == "extras" and value == "missing"
            hint = f'  [dim]pip install "wordladder\\[{name}]"[/dim]' if missing and name in EXTRAS else ""
            console.print(f"  {name:<18} {shown}{hint}")
