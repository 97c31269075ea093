"""The sections of the report that look into the answers of the recommended rung."""

from html import escape

from .evidence import CONFUSIONS, MATRIX_LABELS, Evidence
from .html_parts import note, section, table
from .picture import NARROW, WIDE, calibration_picture
from .result import Climb


def evidence_sections(climb: Climb, found: Evidence, *, pictures: bool) -> str:
    """Sections on labels, confusions, calibration, and the texts on which two rungs differ.

    Args:
        climb: The climb.
        found: What is known.
        pictures: Whether matplotlib is there.
    """
    parts = [_labels(found), _confusions(found)]
    if pictures and found.calibration:
        parts.append(_calibration(found))
    return "".join([*parts, _disagreements(climb, found)])


def _labels(found: Evidence) -> str:
    """The figures of each label."""
    figures = found.labels.get(found.rung)
    if not figures:
        return ""
    others = found.labels.get(found.other or "", {})
    heads = ["Label", "Test rows", "Precision", "Recall", "F1", *([f"F1 of {found.other}"] if others else [])]
    rows = [
        [
            escape(label),
            f"{one['support']:,.0f}",
            *(f"{one[name]:.3f}" for name in ("precision", "recall", "f1")),
            *([f"{others[label]['f1']:.3f}" if label in others else "–"] if others else []),
        ]
        for label, one in sorted(figures.items(), key=lambda item: (item[1]["f1"], item[0]))
    ]
    return section(f"Each label by {found.rung}", table(heads, rows), note("The weakest label comes first."))


def _confusions(found: Evidence) -> str:
    """Which labels take the place of which."""
    if not found.confusions:
        return ""
    figures = found.labels[found.rung]
    title = f"What {found.rung} confuses"
    if 2 < len(figures) <= MATRIX_LABELS:
        counts = {(gold, answer): count for gold, answer, count in found.confusions}
        most = max(counts.values())
        rows = []
        for gold, one in figures.items():
            right = round(one["recall"] * one["support"])
            cells = [
                f"<b>{right:,}</b>" if gold == answer else _shaded(counts.get((gold, answer), 0), most)
                for answer in figures
            ]
            rows.append([escape(gold), *cells])
        heads = ["Right label", *(f"→ {label}" for label in figures)]
        return section(title, table(heads, rows), note("Each row has the answers to the texts of one label."))
    shown = found.confusions[:CONFUSIONS]
    rows = [[escape(gold), escape(answer), f"{count:,}"] for gold, answer, count in shown]
    return section(title, table(["Right label", "Answer", "Test rows"], rows))


def _shaded(count: int, most: int) -> str:
    """A number on a ground that is the darker the larger it is."""
    return (
        f'<span class="shaded" style="--share:{100 * count / most:.0f}%">{count:,}</span>' if count else "·"
    )


def _calibration(found: Evidence) -> str:
    pictures = calibration_picture(found, WIDE) + calibration_picture(found, NARROW)
    gap = sum(one.rows * abs(one.sure - one.right) for one in found.calibration)
    gap /= sum(one.rows for one in found.calibration)
    text = (
        f"Each point stands for {found.calibration[0].rows:,} test rows. On the line a rung is right as "
        f"often as it says; the mean distance from it is {gap:.3f}."
    )
    caption = f'<figcaption class="quiet">{escape(text)}</figcaption>'
    axes = ('<p class="axis">↑ share of right answers</p>', '<p class="axis below">how sure it is →</p>')
    figure = f'<figure class="curve">{axes[0]}{pictures}{axes[1]}{caption}</figure>'
    return section(f"How sure {found.rung} may be", figure)


def _disagreements(climb: Climb, found: Evidence) -> str:
    """Texts that only one of two rungs answers right."""
    if not found.disagreements or found.other is None:
        return ""
    alone = ", ".join(f"only {name} is right in {count:,}" for name, count in found.only.items())
    names = [found.rung, found.other]
    heads = ["Text", "Right", *names]
    rows = []
    for one in found.disagreements:
        marks = ["✓" if name == one.right else "✗" for name in names]
        answers = [f"{mark} {escape(one.answers[name])}".strip() for mark, name in zip(marks, names)]
        rows.append([f'<span class="text">{escape(one.text)}</span>', escape(one.gold) or "–", *answers])
    intro = note(f"Of {climb.rule.rows:,} test rows {alone}. Some of them:")
    return section(f"Where {found.rung} and {found.other} differ", intro, table(heads, rows))
