"""Parts of a scan by themselves, in this process: factors on one core, and decoding grouped answers. In CPU seconds."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from typing import Final

import numpy as np

from services.fetcher.provider import decode
from services.fetcher.provider.parse import parse_bars, symbol_bars
from services.fetcher.provider.unpack import unpack
from services.fetcher.symbols import SymbolIndex
from services.market.panel import Panel
from services.market.scoring import ScoringConfig
from services.market.sessions import sessions_ending, to_day_number
from services.scorer.block import score_panel
from services.scorer.engine import FactorEngine
from tests.benchmarks.blocking import BlockingClient
from tests.benchmarks.figures import Figure
from tests.benchmarks.libraries import pandas_loop, polars_loop, talib_loop
from tests.benchmarks.scale import AS_OF, BLOCK, SESSIONS, Scale
from tests.benchmarks.stacks import KEY, Provider
from tests.scorer.markets import walk

FACTORS_LIMIT: Final = 0.5
"""All factors over all symbols take at most this share of TA-Lib's loop of 25."""
_PEER_BODIES: Final = 10
_SINGLE_BODIES: Final = 100
_RANGE: Final = "/v2/aggs/ticker/{symbol}/range/1/day/{first}/{last}?adjusted=false&sort=asc&limit=50000"
_PEER_SYMBOLS: Final = 60
_GROUPED: Final = "/v2/aggs/grouped/locale/us/market/stocks/{day}?adjusted=false&include_otc=false"


def measure_factors(scale: Scale) -> Iterator[Figure]:
    """Time carrying, factors and ratings of a universe in blocks as scans have them, beside TA-Lib's loop of 25."""
    engine = FactorEngine(ScoringConfig.load())
    engine.warm()
    bars = walk(scale.rows)
    days = np.array([to_day_number(session) for session in sessions_ending(AS_OF, SESSIONS)], np.int32)
    panels = []
    for start in range(0, scale.rows, BLOCK):
        block = np.ascontiguousarray(bars[:, :, start : start + BLOCK])
        symbols = tuple(f"S{start + n}" for n in range(block.shape[2]))
        panels.append(Panel(symbols, days, np.ones(SESSIONS, np.bool_), block))
    benchmark = bars[3, :, 0].copy()
    by_symbol = np.ascontiguousarray(bars.transpose(2, 0, 1))
    ours, floors = [], []
    for _ in range(scale.repeats):
        began = time.thread_time()
        for panel in panels:
            score_panel(panel, benchmark, engine)
        ours.append(time.thread_time() - began)
        floors.append(talib_loop(by_symbol))
    floor = median(floors)
    some = by_symbol[:: max(1, len(by_symbol) // _PEER_SYMBOLS)]
    yield Figure(
        f"factors: peer, 25 indicators in pandas, symbol by symbol, {scale.rows:,} x {SESSIONS}, one core",
        "CPU s",
        (pandas_loop(some) * len(by_symbol) / len(some),),
        note=f"scaled up from {len(some)} symbols",
    )
    yield Figure(
        f"factors: peer, 25 indicators by polars-talib, {scale.rows:,} x {SESSIONS}, all threads",
        "CPU s",
        tuple(polars_loop(by_symbol) for _ in range(scale.repeats)),
    )
    yield Figure(
        f"factors: {len(engine.names)} factors and ratings, {scale.rows:,} x {SESSIONS}, one core",
        "CPU s",
        tuple(ours),
        target=0.25,
        limit=FACTORS_LIMIT * floor,
        peer=floor,
        note=f"peer: TA-Lib, 25 indicators in a loop; gate: {FACTORS_LIMIT:g} x that",
    )


def measure_decode(provider: Provider, scale: Scale) -> Iterator[Figure]:
    """Time reading grouped answers into bars, with and without unpacking them, beside the standard library."""
    sessions = sessions_ending(AS_OF, scale.bodies)
    client = BlockingClient(provider.address, KEY)
    try:
        with ThreadPoolExecutor(8) as pool:
            packed = list(pool.map(lambda day: client.get(_GROUPED.format(day=day)), sessions))
    finally:
        client.close()
    index = SymbolIndex()
    decode.warm(index)
    plain_s, all_s = [], []
    for _ in range(min(3, scale.repeats)):
        unpacking = decoding = 0.0
        for session, body in zip(sessions, packed, strict=True):
            began = time.thread_time()
            plain = unpack(body, "gzip")
            unpacked = time.thread_time()
            decode.decode_grouped(plain, session, index)
            decoding += time.thread_time() - unpacked
            unpacking += unpacked - began
        plain_s.append(decoding)
        all_s.append(decoding + unpacking)
    peer = _standard_library(packed)
    what = f"decode: {len(packed)} grouped answers"
    yield Figure(what, "CPU s", tuple(plain_s), target=1.0, peer=peer, note="peer: json.loads, scaled up from 10")
    yield Figure(f"{what}, gunzip included", "CPU s", tuple(all_s), target=1.6)


def measure_symbol_bars(provider: Provider, scale: Scale) -> Iterator[Figure]:
    """Time reading the answers of single symbols into bars, beside the standard library; scaled up from some."""
    sessions = sessions_ending(AS_OF, SESSIONS)
    client = BlockingClient(provider.address, KEY)
    try:
        newest = json.loads(unpack(client.get(_GROUPED.format(day=AS_OF)), "gzip"))["results"]
        symbols = [row["T"] for row in newest[:: max(1, len(newest) // _SINGLE_BODIES)]]
        first, last = sessions[0], sessions[-1]
        bodies = [
            unpack(client.get(_RANGE.format(symbol=symbol, first=first, last=last)), "gzip") for symbol in symbols
        ]
    finally:
        client.close()
    decode.warm(SymbolIndex())
    times = scale.rows / len(bodies)
    ours, peers = [], []
    for _ in range(scale.repeats):
        began = time.thread_time()
        for symbol, body in zip(symbols, bodies, strict=True):
            symbol_bars(symbol, parse_bars(body).rows, first, last)
        ours.append((time.thread_time() - began) * times)
        began = time.thread_time()
        for body in bodies:
            json.loads(body)
        peers.append((time.thread_time() - began) * times)
    size = sum(map(len, bodies)) * times / 1e6
    yield Figure(
        f"decode: {scale.rows:,} answers of single symbols, {size:.0f} MB",
        "CPU s",
        tuple(ours),
        target=0.6,
        peer=median(peers),
        note=f"peer: json.loads; both scaled up from {len(bodies)}",
    )


def _standard_library(packed: list[bytes]) -> float:
    plain = [unpack(body, "gzip") for body in packed[:_PEER_BODIES]]
    began = time.thread_time()
    for body in plain:
        json.loads(body)
    return (time.thread_time() - began) * len(packed) / len(plain)
