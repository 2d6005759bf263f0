"""What a scan says of how far it is."""

from services.gateway.progress import Stage, Tracker


def test_another_scorers_sessions_do_not_count_among_symbols() -> None:
    tracker = Tracker()
    tracker.fetched(100, 300, 100)
    assert tracker.snapshot().done_count == 100
    tracker.enter(Stage.SCORE, 6000)
    tracker.scored(256, 250)
    tracker.fetched(300, 300, 301)
    now = tracker.snapshot()
    assert (now.done_count, now.total_count, now.request_count) == (256, 6000, 301)
    assert (tracker.ready_count, tracker.wanted_count) == (300, 300)
