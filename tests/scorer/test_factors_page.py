"""The page of factors is what the registry says."""

from tests.scorer.factors_page import PAGE, page


def test_the_page_of_factors_is_up_to_date() -> None:
    assert PAGE.read_text() == page(), "run `make factors-doc`"
