from auditor.report import catalogue
from tests.catalogue import registry


def test_the_table_says_from_where_each_check_is_answered_and_what_repairs_it():
    page = catalogue.markdown(registry())
    assert (
        "| [host-rested](#host-rested) | medium | inside | `smtp-hygiene` | The words of the pass |" in page
    )
    assert "| [policy-present](#policy-present) | high | outside | by hand | The words of the pass |" in page


def test_a_page_names_the_commands_that_run_on_the_host():
    known = registry()
    lines = list(catalogue.page(known.checks["host-rested"], known))
    assert any("(`cat /proc/uptime`)" in line for line in lines)
    assert (
        "- Repair: `ansible-playbook -i INVENTORY playbooks/smtp-hygiene.yml -l HOST --tags host-rested`"
        in lines
    )


def test_a_repair_by_hand_is_told_in_full():
    known = registry()
    assert "- Repair by hand: Publish it." in list(catalogue.page(known.checks["policy-present"], known))


def test_the_list_counts_what_looks_inside():
    assert "3 checks, 1 of them look inside." in catalogue.text(registry())
