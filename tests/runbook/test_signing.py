"""Who vouches for a journal: signatures with an operator's own SSH key, and what no longer fits them."""

import json
import shutil
import subprocess

import pytest
from click.testing import CliRunner

from auditor.cli import _following, auditor
from auditor.runbook.journal import NAME
from auditor.runbook.proof import Flaw
from auditor.runbook.signing import Vouched, sign, vouched
from auditor.transport.signature import CannotSign
from tests.runbook.fake_world import Site, runbook, step

pytestmark = pytest.mark.skipif(
    shutil.which("ssh-keygen") is None, reason="ssh-keygen (openssh-client) is not installed"
)
TEXT = runbook(step("look", "kind: probe\nrole: ops\nverify:\n  - probe: ssh.alive"))


@pytest.fixture
def site(tmp_path):
    site = Site(tmp_path, TEXT)
    site.run_all()
    return site


def new_key(folder, name):
    argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(folder / name)]
    subprocess.run(argv, check=True)
    return folder / name


@pytest.fixture
def anna(tmp_path):
    return new_key(tmp_path, "anna")


@pytest.fixture
def signers(tmp_path, anna):
    """Whose word counts: anna's alone."""
    path = tmp_path / "signers"
    public = anna.with_suffix(".pub").read_text("ascii")
    path.write_text(f'anna@example.org namespaces="auditor-journal" {public}', "ascii")
    return path


def signed(site, key):
    with site.incident() as incident:
        line = incident.head().seq
        return line, sign(incident, key)


def told(site, signers=None):
    return [one.text if isinstance(one, Flaw) else one.sentence() for one in vouched(site.folder, signers)]


def test_a_signature_says_up_to_which_line_and_by_whom(site, anna, signers):
    line, text = signed(site, anna)
    assert text.startswith("-----BEGIN SSH SIGNATURE-----\n")
    (found,) = vouched(site.folder, signers)
    assert isinstance(found, Vouched)
    assert (found.line, found.signed.signer) == (line, "anna@example.org")
    assert found.signed.key.startswith("ED25519 key SHA256:")


def test_without_a_file_of_signers_the_key_is_named_and_nobody_is(site, anna):
    line, _text = signed(site, anna)
    (sentence,) = told(site)
    assert sentence.startswith(
        f"up to line {line} signed by somebody (whose key that is, --signers FILE tells)"
    )


def test_a_key_that_the_file_does_not_name_is_a_flaw(site, tmp_path, signers):
    signed(site, new_key(tmp_path, "mallory"))
    flaws = told(site, signers)
    assert flaws[0].endswith(f"which {signers} does not know")
    assert flaws[1] == "no line is signed by any of the signers"


def test_where_signers_are_asked_for_a_journal_without_signatures_is_not_fine(site, signers):
    assert told(site) == []
    assert told(site, signers) == ["no line is signed by any of the signers"]


def test_a_journal_written_anew_does_not_fit_its_signature(site, anna, signers):
    line, _text = signed(site, anna)
    path = site.folder / NAME
    lines = path.read_bytes().splitlines(keepends=True)
    lines[line - 1] = lines[line - 1].replace(b'"actor":"anna"', b'"actor":"dave"')
    path.write_bytes(b"".join(lines))
    assert told(site, signers)[0].startswith(f"line {line} is not the one that was signed (")


def test_the_copy_beside_the_incident_knows_of_a_tail_that_was_cut_with_its_signature(site, anna):
    line, _text = signed(site, anna)
    path = site.folder / NAME
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[: line - 1]))
    shutil.rmtree(site.folder / "signatures")
    assert told(site) == [
        f"the journal ends at line {line - 1}, but line {line} was signed: its tail was cut"
    ]


def test_a_signature_of_another_incident_does_not_count(site, anna, tmp_path):
    signed(site, anna)
    other = Site(tmp_path, TEXT)
    other.run_all()
    shutil.copytree(site.folder / "signatures", other.folder / "signatures")
    assert [one for one in vouched(other.folder, None) if isinstance(one, Vouched)] == []


def test_no_key_no_signature_and_one_sentence(site, tmp_path):
    with site.incident() as incident, pytest.raises(CannotSign, match="did not sign: "):
        sign(incident, tmp_path / "nothing")
    assert "signed" not in site.kinds


def test_sign_and_verify_from_the_command_line(site, anna, signers, tmp_path, monkeypatch):
    monkeypatch.setenv("AUDITOR_RUNBOOKS", str(site.books))
    monkeypatch.setenv("AUDITOR_INCIDENTS", str(tmp_path / "incidents"))
    monkeypatch.setenv("AUDITOR_SIGNING_KEY", str(anna))
    monkeypatch.setattr(_following, "site_of", lambda _incident, _host: site.world)

    def run(*words):
        return CliRunner().invoke(auditor, ["incident", *words])

    assert run("verify", "--signers", str(signers)).exit_code == 1
    assert run("sign").stdout.startswith("-----BEGIN SSH SIGNATURE-----")
    fine = run("verify", "--signers", str(signers))
    assert fine.exit_code == 0
    assert "signed by anna@example.org" in fine.stdout
    assert json.loads((site.folder / NAME).read_bytes().splitlines()[-1])["kind"] == "signed"
