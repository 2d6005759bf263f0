"""L1: what leaves first, what stays while it is in use, and that bars come back bit for bit."""

from concurrent.futures import Future, ThreadPoolExecutor
from datetime import date

import numpy as np
import pytest

from services.fetcher.cache import GROWTH, SessionCache
from services.fetcher.source import SessionBars
from services.market.sessions import sessions_ending, to_day_number

DAYS = sessions_ending(date(2025, 9, 30), 6)
SYMBOLS = 50
ALL = np.arange(SYMBOLS, dtype=np.int32)


def bars_of(session: date, symbols: int = SYMBOLS) -> SessionBars:
    """Return bars of a session that no other session has, of every second symbol."""
    columns = np.arange(0, symbols, 2, dtype=np.int32)
    bars = np.random.default_rng(to_day_number(session)).random((5, len(columns)))
    return SessionBars(session, columns, bars, 0)


ROW_BYTES = (48 + 1 + GROWTH) * 5 * 8


def cache_of(rows: float) -> SessionCache:
    """Return an empty cache with room for so many sessions."""
    return SessionCache(int(rows * ROW_BYTES))


def held(cache: SessionCache) -> list[int]:
    """Return the places in `DAYS` of the sessions in a cache."""
    return [place for place, session in enumerate(DAYS) if session in cache]


def test_what_was_put_in_longest_ago_leaves_first() -> None:
    cache = cache_of(3)
    for place in (5, 0, 4, 1):
        cache.put(bars_of(DAYS[place]))
    assert held(cache) == [0, 1, 4]
    assert cache.eviction_count == 1
    cache.put(bars_of(DAYS[0]))
    cache.put(bars_of(DAYS[2]))
    assert held(cache) == [0, 1, 2]
    assert (len(cache), cache.eviction_count) == (3, 2)


def test_what_is_gathered_stays_longer() -> None:
    cache = cache_of(3)
    for session in DAYS[:3]:
        cache.put(bars_of(session))
    cache.gather(DAYS[:2], ALL)
    cache.put(bars_of(DAYS[3]))
    assert held(cache) == [0, 1, 3]
    cache.dollar_volumes(DAYS[0], SYMBOLS)
    cache.put(bars_of(DAYS[4]))
    assert held(cache) == [0, 3, 4]


def test_bytes_are_counted_in_and_out() -> None:
    cache = cache_of(2.5)
    assert (cache.byte_count, cache.byte_limit) == (0, int(2.5 * ROW_BYTES))
    for session in DAYS:
        cache.put(bars_of(session))
        assert cache.byte_count == len(cache) * ROW_BYTES <= cache.byte_limit
    cache.put(bars_of(DAYS[5]))
    assert cache.byte_count == 2 * ROW_BYTES


def test_pinned_sessions_stay_until_the_last_pin_is_gone() -> None:
    cache = cache_of(2)
    with cache.pinned(DAYS[:3]):
        with cache.pinned(DAYS[2:4]):
            for session in DAYS:
                cache.put(bars_of(session))
            assert held(cache) == [0, 1, 2, 3, 5]
        assert held(cache) == [0, 1, 2]
        cache.put(bars_of(DAYS[4]))
        assert held(cache) == [0, 1, 2, 4]
    assert cache.byte_count <= cache.byte_limit
    assert held(cache) == [2, 4]


def test_what_is_pinned_is_not_dropped() -> None:
    cache = cache_of(3)
    for session in DAYS[:2]:
        cache.put(bars_of(session))
    with cache.pinned(DAYS[:1]):
        for session in DAYS[:2]:
            cache.drop(session)
        assert held(cache) == [0]
    cache.drop(DAYS[0])
    assert (held(cache), cache.byte_count) == ([], 0)


def test_pins_end_with_an_error() -> None:
    cache = cache_of(1)

    def fail() -> None:
        with cache.pinned(DAYS):
            for session in DAYS:
                cache.put(bars_of(session))
            assert len(cache) == len(DAYS)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert len(cache) == 1


def test_a_session_larger_than_the_limit_is_there_until_the_next_one() -> None:
    cache = SessionCache(1)
    cache.put(bars_of(DAYS[0]))
    assert held(cache) == [0]
    cache.put(bars_of(DAYS[1]))
    assert held(cache) == [1]


def test_a_session_put_in_again_after_it_left_is_the_same_to_the_bit() -> None:
    cache = cache_of(2)
    cache.put(bars_of(DAYS[0]))
    before = cache.gather(DAYS[:1], ALL)
    for session in DAYS[1:]:
        cache.put(bars_of(session))
    assert np.isnan(cache.gather(DAYS[:1], ALL)).all()
    cache.put(bars_of(DAYS[0]))
    assert cache.gather(DAYS[:1], ALL).tobytes() == before.tobytes()


def test_symbols_beyond_a_row_have_no_bar() -> None:
    cache = cache_of(2)
    cache.put(bars_of(DAYS[0]))
    found = cache.gather(DAYS[:1], np.array([60_000, 2, 1], np.int32))
    assert np.isnan(found[:, 0, [0, 2]]).all()
    assert found[:, 0, 1].tolist() == bars_of(DAYS[0]).bars[:, 1].tolist()


def test_threads_may_gather_while_sessions_come_and_go() -> None:
    cache = cache_of(3)
    expected = {session: bars_of(session).bars.tobytes() for session in DAYS}

    def gather(session: date) -> bool:
        found = cache.gather((session,), ALL[::2])[:, 0]
        return bool(np.isnan(found).all()) or found.tobytes() == expected[session]

    with ThreadPoolExecutor(2) as pool:
        found: list[Future[bool]] = []
        for turn in range(100):
            cache.put(bars_of(DAYS[turn % len(DAYS)]))
            found.extend(pool.submit(gather, session) for session in DAYS)
        assert all(one.result() for one in found)
    assert cache.byte_count == len(cache) * ROW_BYTES <= cache.byte_limit
