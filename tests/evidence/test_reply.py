import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.evidence.reply import MAX_LINE, MAX_LINES, MAX_REPLY, Malformed, Reply, ReplyParser


def test_a_reply_of_one_line():
    assert ReplyParser().feed(b"250 2.1.5 Ok\r\n") == [Reply(code=250, lines=("2.1.5 Ok",))]


def test_a_reply_of_many_lines_is_one_reply():
    (reply,) = ReplyParser().feed(b"250-mx.lab.test\r\n250-PIPELINING\r\n250 SMTPUTF8\r\n")
    assert reply.lines == ("mx.lab.test", "PIPELINING", "SMTPUTF8")


def test_replies_to_a_pipeline_come_in_order():
    replies = ReplyParser().feed(b"250 ok\r\n550 5.1.1 no\r\n250 reset\r\n")
    assert [reply.code for reply in replies] == [250, 550, 250]


def test_a_line_may_lack_text_and_its_carriage_return():
    assert ReplyParser().feed(b"220\n354 go\n") == [
        Reply(code=220, lines=("",)),
        Reply(code=354, lines=("go",)),
    ]


def test_the_enhanced_code_is_read_where_there_is_one():
    assert Reply(code=550, lines=("5.1.1 unknown",)).enhanced == "5.1.1"
    assert Reply(code=550, lines=("unknown 5.1.1",)).enhanced is None
    assert str(Reply(code=550, lines=("5.1.1 a", "5.1.1 b"))) == "550 5.1.1 a 5.1.1 b"


@pytest.mark.parametrize(
    "bytes_",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\r\n",
        b"25 short\r\n",
        b"999 no such class\r\n",
        b"250-one\r\n550 two\r\n",
        b"\x16\x03\x01\x02\x00\n",
    ],
)
def test_what_is_no_reply_is_said_to_be_none(bytes_: bytes):
    with pytest.raises(Malformed):
        ReplyParser().feed(bytes_)


def test_control_characters_and_foreign_bytes_survive_as_text():
    (reply,) = ReplyParser().feed(b"220 \x1b[2J\x00\xff caf\xc3\xa9\r\n")
    assert reply.text == "\x1b[2J\x00\\xff café"


def test_an_endless_line_is_kept_short_and_then_given_up():
    parser = ReplyParser()
    for _ in range(MAX_REPLY // 1_024):
        parser.feed(b"2" * 1_024)
    with pytest.raises(Malformed, match=str(MAX_REPLY)):
        parser.feed(b"2")
    assert len(parser._line) <= MAX_LINE


def test_an_endless_reply_is_given_up():
    with pytest.raises(Malformed, match=str(MAX_LINES)):
        ReplyParser().feed(b"250-again\r\n" * (MAX_LINES + 1))


def test_a_long_line_loses_its_end_and_the_next_reply_is_whole():
    long, following = ReplyParser().feed(b"250 " + b"x" * 10_000 + b"\r\n221 bye\r\n")
    assert len(long.text) == MAX_LINE - 4
    assert following.text == "bye"


@given(st.binary(max_size=300), st.integers(1, 20))
def test_any_bytes_give_replies_or_malformed_and_the_cut_does_not_matter(data: bytes, size: int):
    def parse(chunks: list[bytes]) -> list[Reply] | str:
        parser, replies = ReplyParser(), []
        try:
            for chunk in chunks:
                replies += parser.feed(chunk)
        except Malformed as error:
            return str(error)
        return replies

    assert parse([data]) == parse([data[i : i + size] for i in range(0, len(data), size)])


@given(
    st.lists(
        st.tuples(st.integers(200, 599), st.lists(st.text("abc -.5", max_size=20), min_size=1, max_size=5)),
        max_size=6,
    )
)
def test_what_a_server_writes_is_what_is_read(replies: list[tuple[int, list[str]]]):
    wire = b""
    for code, lines in replies:
        *first, last = lines
        for line in first:
            wire += f"{code}-{line}\r\n".encode()
        wire += f"{code} {last}\r\n".encode()
    assert ReplyParser().feed(wire) == [Reply(code=code, lines=tuple(lines)) for code, lines in replies]
