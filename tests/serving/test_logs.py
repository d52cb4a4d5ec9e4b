"""What a server says on stderr: one line an event, whoever asked and whatever they sent."""

import io
import json
import logging
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plusx.errors import WrongUse
from plusx.serving.logs import NOTICES, REQUESTS, JsonLine, Lines, TextLine, fields, form_for, logged, printable


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_line_is_one_json_object_with_the_time_in_utc() -> None:
    out = io.StringIO()
    with logged("json", out) as say:
        say("serving cats")
        REQUESTS.info("request", extra=fields(status=200, model=None))
    first, second = map(json.loads, out.getvalue().splitlines())
    assert (first["level"], first["event"]) == ("info", "serving cats")
    assert first["time"].endswith("Z")
    assert second["event"] == "request"
    assert second["status"] == 200
    assert "model" not in second


def test_a_person_gets_words() -> None:
    out = Terminal()
    with logged(None, out) as say:
        say("serving cats at 100%")
        REQUESTS.info("request", extra=fields(status=200, model="cats"))
        REQUESTS.error("request", extra=fields(status=500))
    first, second, third = out.getvalue().splitlines()
    assert first == "serving cats at 100%"
    assert second[8:] == " request status=200 model=cats"
    assert third[8:] == " error: request status=500"


def test_off_still_says_what_a_person_should_know() -> None:
    out = io.StringIO()
    with logged("off", out) as say:
        say("serving cats")
        REQUESTS.info("request")
        REQUESTS.error("request")
    assert out.getvalue().splitlines()[0] == "serving cats"
    assert out.getvalue().count("request") == 1


def test_uvicorns_errors_go_the_same_way_with_their_trace() -> None:
    out = io.StringIO()
    with logged("json", out):
        try:
            raise ValueError("broken\nhere")
        except ValueError:
            logging.getLogger("uvicorn.error").exception("Exception in ASGI application")
        logging.getLogger("uvicorn.error").info("Started server process")
    (line,) = map(json.loads, out.getvalue().splitlines())
    assert (line["level"], line["event"]) == ("error", "Exception in ASGI application")
    assert "ValueError: broken\nhere" in line["trace"]


def test_loggers_are_left_as_they_were() -> None:
    loggers = (REQUESTS, NOTICES, logging.getLogger("uvicorn"))
    before = [(one.level, one.propagate, list(one.handlers)) for one in loggers]
    with logged("json", io.StringIO()):
        assert not REQUESTS.propagate
    assert [(one.level, one.propagate, list(one.handlers)) for one in loggers] == before


def test_an_unknown_form_is_wrong_use() -> None:
    with pytest.raises(WrongUse, match=r"--log jason: there are json, text, off; did you mean json\?"):
        form_for("jason", io.StringIO())


def test_the_form_suits_who_reads() -> None:
    assert form_for(None, Terminal()) == "text"
    assert form_for(None, io.StringIO()) == "json"
    assert form_for("json", Terminal()) == "json"


@given(st.text(st.characters()), st.sampled_from([JsonLine(), TextLine()]))
def test_nothing_that_a_client_sends_ends_a_line_or_moves_a_terminal(words: str, form: logging.Formatter) -> None:
    record = logging.LogRecord(REQUESTS.name, logging.INFO, "", 0, words, (), None)
    record.__dict__.update(fields(path=words))
    line = form.format(record)
    assert line.isprintable()
    if isinstance(form, JsonLine):
        assert json.loads(line)["path"] == words


def test_a_trace_of_a_clients_words_ends_no_line_either() -> None:
    out = io.StringIO()
    with logged("text", out):
        try:
            raise ValueError("a\x1b[2J")
        except ValueError:
            REQUESTS.exception("request")
    assert "\x1b" not in out.getvalue()


def test_letters_stay_letters() -> None:
    assert printable("Straße 東京 42%") == "Straße 東京 42%"


class Stuck(io.StringIO):
    """A reader that reads nothing until it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.inside, self.let = threading.Event(), threading.Event()

    def write(self, text: str) -> int:
        self.inside.set()
        self.let.wait()
        return super().write(text)


def test_a_reader_that_is_stuck_holds_up_nobody_and_is_told_how_much_it_missed() -> None:
    out = Stuck()
    handler = Lines(out, most=3)
    handler.setFormatter(TextLine())
    logger = logging.Logger("tried")
    logger.addHandler(handler)
    logger.info("first")
    out.inside.wait()
    for number in range(10):
        logger.info("%d", number)
    out.let.set()
    handler.close()
    *lines, told = out.getvalue().splitlines()
    assert lines == ["first", "0", "1", "2"]
    assert told == "warning: log lines were dropped, which nobody read in time count=7"


def test_a_reader_that_is_gone_keeps_nobody_from_going_on() -> None:
    out = io.StringIO()
    out.close()
    with logged("json", out) as say:
        say("serving")
