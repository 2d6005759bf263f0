"""The page of licences is current."""

from tests.licences_page import PAGE, pinned, render


def test_the_page_says_what_is_installed() -> None:
    assert PAGE.read_text() == render(), "run `make licences-doc`"


def test_every_pin_has_its_row() -> None:
    rows = {line.split("|")[1].strip() for line in PAGE.read_text().splitlines() if line.startswith("| ")}
    assert set(pinned()) <= rows
