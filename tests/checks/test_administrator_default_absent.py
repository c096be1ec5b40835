import subprocess

import pytest

from auditor.checks.administrator_default_absent import judge
from auditor.evidence.accounts import DefaultAccounts, parse_accounts
from auditor.inside.accounts import ACCOUNTS, default_accounts
from auditor.inside.command import Output
from auditor.model import Failed, Passed
from auditor.net import CannotLook


def test_a_host_without_default_accounts_passes():
    assert isinstance(judge(DefaultAccounts()), Passed)


def test_a_default_account_with_a_password_fails_and_is_named_with_its_place():
    found = judge(parse_accounts("/etc/shadow|test\n/etc/dovecot/users|Administrator@example.org\n"))
    assert isinstance(found, Failed)
    assert found.observed == (
        {"account": "test", "in": "/etc/shadow"},
        {"account": "Administrator@example.org", "in": "/etc/dovecot/users"},
    )


def test_databases_that_were_not_looked_into_are_said():
    assert judge(parse_accounts("database|sql\ndatabase|x;y\n")).summary.endswith(
        "(those in sql were not looked at)"
    )


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("test:$y$j9T$abc:19000:0:99999:7:::", "test"),
        ("Admin:$6$abc:19000::::::", "Admin"),
        ("test::19000::::::", "test"),  # no password at all
        ("guest@example.org:{SHA512-CRYPT}$6$abc::::::", "guest@example.org"),
        ("test:!$y$j9T$abc:19000::::::", None),
        ("test:*:19000::::::", None),
        ("admin:{PLAIN}!::::::", None),
        ("contest:$y$j9T$abc:19000::::::", None),
        ("ada:$y$j9T$abc:19000::::::", None),
    ],
)
def test_the_names_are_compared_on_the_host_and_no_password_leaves_it(tmp_path, line, says):
    shadow = tmp_path / "shadow"
    shadow.write_text(line + "\n")
    shell, option, program, *words = ACCOUNTS.argv
    program = program.replace("/etc/shadow", str(shadow)).replace("/etc/", f"{tmp_path}/none/")
    done = subprocess.run([shell, option, program, *words], capture_output=True, text=True, check=True)
    assert done.stdout == ("" if says is None else f"{shadow}|{says}\n")


def test_a_host_that_does_not_show_its_accounts_is_not_judged():
    with pytest.raises(CannotLook):
        default_accounts(Output(command="default-accounts", exit_code=1))
