"""What pip installs: the wheel alone, away from the checkout, with its playbooks and runbooks inside."""

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Python of a fresh environment that has the wheel, and beside it only our dependencies."""
    place = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(place)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = place.glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place / "venv")], check=True)
    site = next((place / "venv" / "lib").glob("python*/site-packages"))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    (site / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    return place / "venv" / "bin" / "python"


def run(python, *words):
    environment = {"PATH": os.environ["PATH"], "HOME": str(python.parent)}
    return subprocess.run(
        [str(python), *words], cwd=python.parent, env=environment, capture_output=True, text=True, check=True
    ).stdout


def test_the_installed_program_is_the_wheel_and_not_the_checkout(installed):
    place = run(installed, "-c", "import auditor; print(auditor.__file__)").strip()
    assert Path(place).is_relative_to(installed.parent.parent)


def test_it_knows_every_check_of_the_checkout(installed):
    told = json.loads(run(installed, "-m", "auditor", "checks", "--format", "json"))
    files = {p.stem.replace("_", "-") for p in (ROOT / "auditor" / "checks").glob("[a-z]*.py")}
    assert {entry["check"] for entry in told} == files


@pytest.mark.parametrize("room", ["playbooks", "runbooks"])
def test_playbooks_and_runbooks_travel_inside(installed, room):
    program = f"from auditor import data; print(data.directory({room!r}))"
    place = Path(run(installed, "-c", program).strip())
    assert place.is_relative_to(installed.parent.parent)
    tracked = subprocess.run(
        ["git", "ls-files", room], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    missing = [name for name in tracked if not (place.parent / name).is_file()]
    assert tracked
    assert not missing


def test_the_published_schema_and_the_example_inventory_travel_too(installed):
    package = Path(run(installed, "-c", "import auditor; print(auditor.__path__[0])").strip())
    assert (package / "report" / "scan.schema.json").is_file()
    assert (package / "_data" / "inventory.example.yml").is_file()
