"""Language models in the ARPA format, with numbers computed by hand."""

import gzip
from pathlib import Path

import pytest

from plusx.errors import PlusxError
from plusx.tasks.arpa import UNSEEN, read_arpa

MODEL = """
\\data\\
ngram 1=5
ngram 2=3
ngram 3=1

\\1-grams:
-1.0\t<unk>
-99\t<s>\t-0.3
-0.7\t</s>
-0.5\tCALL\t-0.2
-0.9\thome\t-0.1

\\2-grams:
-0.4\t<s> call\t-0.6
-0.25\tcall home\t-0.05
-0.2\thome </s>

\\3-grams:
-0.1\t<s> call home

\\end\\
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "words.arpa").write_text(MODEL)
    return tmp_path / "words.arpa"


def test_back_off_by_hand(path: Path) -> None:
    model = read_arpa(path)
    assert model.order == 3
    assert model.log10(["<s>"], "call") == -0.4
    assert model.log10(["<s>", "call"], "home") == -0.1
    # No trigram: the weight of `home call`, which is 0, and no bigram: the weight of `call`.
    assert model.log10(["home", "call"], "call") == pytest.approx(-0.2 - 0.5)
    # The weight of `<s> call`, then of `call`, then the word itself.
    assert model.log10(["<s>", "call"], "call") == pytest.approx(-0.6 - 0.2 - 0.5)
    # Only two words before count.
    assert model.log10(["home", "<s>", "call"], "home") == -0.1
    assert model.log10([], "home") == -0.9


def test_unknown_words_have_the_models_own_probability_or_a_small_one(path: Path, tmp_path: Path) -> None:
    assert read_arpa(path).log10(["call"], "office") == pytest.approx(-0.2 - 1.0)
    (tmp_path / "closed.arpa").write_text(MODEL.replace("-1.0\t<unk>\n", ""))
    assert read_arpa(tmp_path / "closed.arpa").log10(["call"], "office") == pytest.approx(-0.2 + UNSEEN)


def test_it_is_read_compressed(path: Path, tmp_path: Path) -> None:
    with gzip.open(tmp_path / "words.arpa.gz", "wt") as file:
        file.write(MODEL)
    assert read_arpa(tmp_path / "words.arpa.gz") == read_arpa(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it has no"),
        ("call home\n", "it has no"),
        ("\\1-grams:\n-0.5\n", "'-0.5' is no 1-gram"),
        ("\\1-grams:\nlow call\n", "could not convert"),
        ("\\x-grams:\n", "invalid literal"),
    ],
)
def test_anything_else_is_refused_in_one_line(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "no.arpa").write_text(text)
    with pytest.raises(PlusxError, match=words) as refused:
        read_arpa(tmp_path / "no.arpa")
    assert "no.arpa" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_missing_or_binary_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PlusxError, match=r"--lm .*none\.arpa: cannot be read"):
        read_arpa(tmp_path / "none.arpa")
    (tmp_path / "binary.arpa").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PlusxError, match="no language model"):
        read_arpa(tmp_path / "binary.arpa")
    (tmp_path / "plain.gz").write_bytes(b"plain")
    with pytest.raises(PlusxError, match="cannot be read"):
        read_arpa(tmp_path / "plain.gz")
