"""Help pages in other languages follow the English ones: same parts, code, links that exist."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "web" / "docs"
LOCALES = DOCS.parents[1] / "locales"
NODES = sorted(path.stem for path in DOCS.glob("*.md"))
LANGUAGES = {"zh": r"[\u4e00-\u9fff]", "ja": r"[\u3040-\u30ff]"}
"""Language -> characters that only its texts have."""
TRANSLATED = [(node, language) for node in NODES for language in LANGUAGES]


def page(node: str, language: str = "") -> str:
    name = f"{node}/{language}.md" if language else f"{node}.md"
    return (DOCS / name).read_text(encoding="utf-8")


def fences(text: str) -> list[str]:
    return re.findall(r"^```.*?^```$", text, re.MULTILINE | re.DOTALL)


def prose(text: str) -> str:
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def headings(text: str) -> list[int]:
    """The levels of a page's headings, in their order."""
    return [len(marks) for marks in re.findall(r"^(#+) ", prose(text), re.MULTILINE)]


def links(text: str) -> list[str]:
    return re.findall(r"\]\(([^)\s]+)\)", prose(text))


def tables(text: str) -> list[list[int]]:
    """The number of cells of each row, table by table."""
    found: list[list[int]] = [[]]
    for line in prose(text).splitlines():
        if line.startswith("|"):
            found[-1].append(len(re.findall(r"(?<!\\)\|", line)) - 1)
        elif found[-1]:
            found.append([])
    return [table for table in found if table]


def items(text: str) -> int:
    return len(re.findall(r"^(?:- |\d+\. )", prose(text), re.MULTILINE))


def parameters(text: str) -> list[str]:
    """What is code in the first cells of tables: names of inputs, which no language changes."""
    firsts = re.findall(r"^\| (.*?) \|", prose(text), re.MULTILINE)
    return [name for cell in firsts for name in re.findall(r"`[^`]+`", cell)]


def test_there_are_pages_to_translate() -> None:
    assert len(NODES) == 10


@pytest.mark.parametrize(("node", "language"), TRANSLATED)
def test_a_translated_page_has_the_parts_of_the_english_one(node: str, language: str) -> None:
    english, translated = page(node), page(node, language)

    assert headings(translated) == headings(english)
    assert items(translated) == items(english)
    assert tables(translated) == tables(english)
    assert parameters(translated) == parameters(english)
    assert fences(translated) == fences(english)


@pytest.mark.parametrize(("node", "language"), TRANSLATED)
def test_a_translated_page_shows_the_same_picture_and_names_the_same_graph(
    node: str, language: str
) -> None:
    english, translated = page(node), page(node, language)

    assert links(translated) == links(english)
    # The frontend takes links of a page in any language from the folder of the English ones.
    assert all((DOCS / link).is_file() for link in links(translated))
    assert re.findall(r"> ([a-z0-9-]+)\*", translated) == re.findall(r"> ([a-z0-9-]+)\*", english)


@pytest.mark.parametrize(("node", "language"), TRANSLATED)
def test_a_page_is_called_what_its_node_is_called(node: str, language: str) -> None:
    definitions = json.loads((LOCALES / language / "nodeDefs.json").read_text(encoding="utf-8"))

    assert page(node, language).startswith(f"# {definitions[node]['display_name']}\n")


@pytest.mark.parametrize(("node", "language"), TRANSLATED)
def test_every_paragraph_is_in_its_language(node: str, language: str) -> None:
    paragraphs = [part for part in prose(page(node, language)).split("\n\n") if part.strip()]
    # A quotation is what the program says, in English; headings may be the same in both languages.
    told = [part for part in paragraphs if not part.startswith((">", "#"))]

    assert told
    assert [part for part in told if not re.search(LANGUAGES[language], part)] == []


def test_no_page_is_left_over() -> None:
    there = {(path.parent.name, path.stem) for path in DOCS.glob("*/*.md")}

    assert there == set(TRANSLATED)
