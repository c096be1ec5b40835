"""The modules of playbooks/module_utils as a module on a host sees them: their neighbours lie in ansible.module_utils."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

FOLDER = Path(__file__).parents[2] / "playbooks" / "module_utils"


@contextmanager
def loaded(*names: str) -> Iterator[ModuleType]:
    """The last of these modules, each of which needs only those before it."""
    found: list[ModuleType] = []
    try:
        for name in names:
            spec = spec_from_file_location(f"ansible.module_utils.{name}", FOLDER / f"{name}.py")
            found.append(module_from_spec(spec))
            sys.modules[spec.name] = found[-1]
            spec.loader.exec_module(found[-1])
        yield found[-1]
    finally:
        for module in found:
            del sys.modules[module.__name__]
