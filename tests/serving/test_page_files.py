"""The files of the page for people, over HTTP: what they are, what may be in them, and that nothing else is there."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers import Running, ask, serving, write_model

from plusx.serving.page import FILES, POLICY
from plusx.serving.settings import Settings

TOKEN = "a-token-of-16-letters"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serving(write_model(tmp_path_factory.mktemp("models") / "cats.plusx")) as running:
        yield running


@pytest.mark.parametrize("path", ["/", "/docs", *(f"/page/{name}" for name in FILES)])
def test_each_file_is_served_as_what_it_is(running: Running, path: str) -> None:
    answer = ask(running.port, path)
    kind = FILES.get(path.removeprefix("/page/"), "text/html; charset=utf-8")
    assert (answer.status, answer.headers["content-type"]) == (200, kind)
    assert answer.headers["content-security-policy"] == POLICY
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["x-content-type-options"] == "nosniff"
    again = ask(running.port, path, headers={"If-None-Match": f'"other", W/{answer.headers["etag"]}'})
    assert (again.status, again.body, again.headers["etag"]) == (304, b"", answer.headers["etag"])
    head = ask(running.port, path, method="HEAD")
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", str(len(answer.body)))


@pytest.mark.parametrize("name", ["none.js", "__init__.py", "..%2fapp.py", "%2e%2e/app.py", "style.css%00", "a/b"])
def test_nothing_else_is(running: Running, name: str) -> None:
    assert ask(running.port, f"/page/{name}").status == 404


def test_every_file_of_the_package_is_listed() -> None:
    import plusx.serving.page as package

    there = {
        path.name for path in Path(str(package.__file__)).parent.iterdir() if path.suffix in (".js", ".css", ".html")
    }
    assert there == set(FILES)


def test_no_file_has_script_or_style_in_line_or_an_address_elsewhere(running: Running) -> None:
    for name in FILES:
        text = ask(running.port, f"/page/{name}").body.decode()
        assert re.findall(r"(?<!w3\.org/)\bhttps?://(?!www\.w3\.org/2000/svg)", text) == []
        assert re.findall(r"innerHTML|\bstyle=|<style|\son\w+=\"|<script>|eval\(", text) == []
        assert len(text.splitlines()) < 200


def test_it_needs_no_token_and_what_it_asks_for_does(tmp_path: Path) -> None:
    with serving(write_model(tmp_path / "cats.plusx"), settings=Settings(token=TOKEN)) as running:
        assert [ask(running.port, path).status for path in ("/", "/page/main.js", "/page/docs.html")] == [200] * 3
        assert [ask(running.port, path).status for path in ("/models", "/openapi.json")] == [401] * 2
