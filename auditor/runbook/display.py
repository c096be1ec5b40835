"""Foreign text made safe for a terminal: control and format characters are shown, never obeyed."""

from typing import Final

_LONGEST: Final = 2000
_HARMLESS: Final = frozenset("\n\t")


def escaped(text: str, *, keep_lines: bool = False) -> str:
    r"""The text with every control, format, surrogate and bidirectional character as \xNN or \uNNNN."""
    return "".join(
        char
        if char.isprintable() or (keep_lines and char in _HARMLESS)
        else char.encode("unicode_escape", "backslashreplace").decode("ascii")
        for char in text
    )


def shown(text: str, longest: int = 80) -> str:
    """One quoted, escaped, shortened line for a message: what a stranger sent, as data."""
    cut = escaped(text[: longest + 1])
    return f"“{cut[:longest]}…”" if len(cut) > longest else f"“{cut}”"


def lines_shown(text: str, most: int = 40, width: int = 200) -> list[str]:
    """The first lines of a program's output, escaped, with a note about what is left out."""
    every = text[: most * _LONGEST].splitlines()
    kept = [escaped(line.replace("\t", "    "))[:width] for line in every[:most]]
    if len(every) > most:
        kept.append(f"… {len(every) - most} more lines, in the evidence file")
    return kept
