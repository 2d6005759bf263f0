"""What is shown while a model is trained."""

import io

from services.cli.training_progress import open_training_view


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


def test_a_stream_that_is_no_terminal_gets_each_text_once_with_its_time() -> None:
    stream = io.StringIO()
    with open_training_view(stream) as say:
        for done in range(3):
            say("alpha_5: training on shuffled labels", done, 3)
        say("alpha_5: training on all rows")
    first, second = stream.getvalue().splitlines()
    assert first.endswith(" s  alpha_5: training on shuffled labels")
    assert second.endswith(" s  alpha_5: training on all rows")


def test_a_terminal_gets_a_bar_that_is_taken_away() -> None:
    stream = Terminal()
    with open_training_view(stream) as say:
        say("alpha_5: walking forward, block 4 of 6", 3, 6)
        say("alpha_5: training on all rows")
    text = stream.getvalue()
    assert "training on all rows" in text
    assert text.endswith("\x1b[2K")
