"""`python -m auditor.runbook FILE…`: lint before the command line is installed."""

import sys
from pathlib import Path

from auditor.runbook.lint import Surroundings, lint
from auditor.runbook.parse import Malformed, read


def main(arguments: list[str]) -> int:
    """Print every complaint as file:line: text; 1 when there was one."""
    worst = 0
    for name in arguments:
        path = Path(name)
        around = Surroundings(runbooks=frozenset(found.stem for found in path.parent.glob("*.md")))
        try:
            problems = lint(read(path), around)
        except Malformed as error:
            problems = list(error.problems)
        for problem in problems:
            sys.stdout.write(f"{path}:{problem.line}: {problem.text}\n")
            worst = 1
    return worst


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
