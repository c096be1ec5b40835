"""Markdown, HTML, JUnit and OpenMetrics: the same findings, and nothing that a target says is taken for markup."""

import re
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest
from markdown_it import MarkdownIt

from auditor.report import html, junit, markdown, openmetrics
from auditor.report.wording import Lines
from tests.report.scans import FULL, finding, scan

LINES = Lines(inventory="hosts.yml")
FIX = "ansible-playbook -i hosts.yml playbooks/close-relay.yml -l mx1.example.org --tags relay-closed"
ALL = {
    "markdown": lambda shown: markdown.render(shown, {}, LINES),
    "html": lambda shown: html.render(shown, {}, LINES),
    "junit": lambda shown: junit.render(shown, LINES),
    "openmetrics": openmetrics.render,
}


class Tags(HTMLParser):
    """Collects what a browser would make of a page."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.text, self.attributes = [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data):
        self.text.append(data)


@pytest.mark.parametrize("form", ALL)
def test_every_finding_is_in_every_report(form):
    report = ALL[form](FULL)
    assert {f.check for f in FULL.findings if f.check not in report} == set()


@pytest.mark.parametrize("form", ["markdown", "html", "junit"])
def test_every_report_for_people_has_the_ready_lines(form):
    assert FIX in ALL[form](FULL)
    assert "auditor incident open --runbook open-relay --host mx1.example.org -i hosts.yml" in ALL[form](FULL)
    assert "Ask the provider of 198.51.100.10" in ALL[form](FULL).replace("\\", "")


@pytest.mark.parametrize("form", ALL)
def test_no_control_character_gets_through(form):
    assert ALL[form](FULL).replace("\n", "").isprintable()


@pytest.mark.parametrize("form", ALL)
def test_a_scan_without_findings_is_a_report_too(form):
    assert ALL[form](scan())


def test_html_has_no_script_no_handler_and_loads_nothing():
    page = Tags(html.render(FULL, {}, LINES))
    assert not {"script", "img", "link", "iframe", "a"} & set(page.tags)
    assert not {name for name in page.attributes if name.startswith("on") or name in ("src", "href")}
    assert any("<script>alert(1)</script>" in text for text in page.text)


def test_markdown_renders_what_a_target_said_as_text():
    rendered = MarkdownIt("commonmark").render(markdown.render(FULL, {}, LINES))
    assert "script" not in Tags(rendered).tags
    assert "&lt;script&gt;" in rendered


def test_junit_counts_failures_errors_and_skipped_as_a_ci_server_does():
    suite = ET.fromstring(junit.render(FULL, LINES)).find("testsuite")
    assert suite is not None
    assert {key: suite.get(key) for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": "9",
        "failures": "3",
        "errors": "3",
        "skipped": "2",
    }
    assert len(suite.findall("testcase/failure")) == 3
    assert len(suite.findall("testcase/error")) == 3
    assert len(suite.findall("testcase/skipped")) == 2


def test_openmetrics_has_one_sample_for_each_finding_and_ends_as_the_format_demands():
    lines = openmetrics.render(FULL).splitlines()
    samples = [line for line in lines if line.startswith("auditor_check{")]
    assert len(samples) == len(FULL.findings)
    assert all(re.fullmatch(r'auditor_check\{(\w+="[^"\\]*",?)+\} [0-3]', sample) for sample in samples)
    assert lines[-1] == "# EOF"


def test_openmetrics_labels_cannot_be_broken_out_of():
    sample = openmetrics.render(scan(finding("relay-closed", subject='a"} 0\\'))).splitlines()[2]
    assert 'subject="a\\"} 0\\\\"' in sample


def test_html_does_not_claim_to_have_looked_where_there_was_no_way_in():
    assert "looked from outside as " in html.render(FULL, {}, LINES)
    assert "looked from outside and inside as " in html.render(scan(), {}, LINES)
