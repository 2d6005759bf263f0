"""Spoiled bodies: good answers changed into what real services send on bad days."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson
from aiohttp import hdrs, web

from services.simulator.answers import compressed, decompressed

Row = dict[str, Any]
"""A row of an answer, or the bar in a row of a snapshot; changed in place."""
Document = dict[str, Any]

_PRICES: Final = ("o", "h", "l", "c")
_OVERSIZE: Final = 65 * 2**20
"""Bytes, unpacked: about forty times the largest answer in use."""
_GZIP_TAIL: Final = 20
"""Bytes at the end of a gzip stream: its checksum and length, and some more."""


def _absurd(row: Row) -> None:
    row.update({name: row[name] * 1e12 for name in _PRICES})


def _wrong_types(row: Row) -> None:
    row.update({"c": "12.5"} if "c" in row else {"ticker": 7})


_BARS: Final[Mapping[str, Callable[[Row], None]]] = {
    "nan": lambda row: row.update(c=float("nan")),
    "null_values": lambda row: row.update(c=None),
    "negative_prices": lambda row: row.update(o=-row["o"]),
    "absurd_prices": _absurd,
    "high_below_low": lambda row: row.update(h=row["l"] / 2),
}
_ROWS: Final[Mapping[str, Callable[[Row], None]]] = {
    "wrong_types": _wrong_types,
    "unknown_fields": lambda row: row.update(zz=[{"T": "X", "o": 1}, "x"]),
    "wrong_symbol": lambda row: row.update({"ticker": "WRONG"}),
}


def _no_results(document: Document, _: str) -> Document:
    kept = {name: value for name, value in document.items() if name not in {"results", "next_url"}}
    return kept | {"queryCount": 0, "resultsCount": 0}


def _duplicate_rows(document: Document, _: str) -> Document:
    # The first of the two is wrong, where it is a bar: the last one counts.
    wrong = [row | {name: 2 * row[name] for name in _PRICES if name in row} for row in document["results"][::10]]
    return document | {"results": wrong + document["results"]}


_DOCUMENTS: Final[Mapping[str, Callable[[Document, str], Document]]] = {
    "no_results": _no_results,
    "empty_page": lambda document, url: _no_results(document, url) | {"results": []},
    "duplicate_rows": _duplicate_rows,
    "unordered": lambda document, _: document | {"results": document["results"][::-1]},
    "endless_pages": lambda document, url: document | {"next_url": url},
}
_WHOLE: Final = ("null_results", "html", "truncated_gzip", "oversized", "wrong_content_type")

KINDS: Final = (*_BARS, *_ROWS, *_DOCUMENTS, *_WHOLE)
"""What can be done to a body.

`nan`, `null_values`, `negative_prices`, `absurd_prices` and `high_below_low` spoil every `every`-th bar; `wrong_types`,
`unknown_fields` and `wrong_symbol` every `every`-th row; `no_results` leaves the results out, as for a day without
trading, and `empty_page` sends none; `duplicate_rows` sends every tenth row twice, `unordered` reverses them;
`endless_pages` names the same page as the next one; `null_results` and `html` answer `results: null`, or a page of
HTML; `truncated_gzip` cuts the compressed stream in an answer that is whole for HTTP; `oversized` unpacks to 65 MiB;
`wrong_content_type` calls the body plain text.
"""


def spoiled(kind: str, whole: web.StreamResponse, url: str, every: int) -> web.StreamResponse:
    """Return a good answer as one of `KINDS` spoils it.

    Args:
        kind: what is done to it.
        whole: the answer, with a body of JSON.
        url: of the request, without a key.
        every: how many rows a spoiled one stands for; the first one always is.
    """
    if not isinstance(whole, web.Response) or not isinstance(body := whole.body, bytes):
        return whole
    gzipped = whole.headers.get(hdrs.CONTENT_ENCODING) == "gzip"
    plain = decompressed(body) if gzipped else body
    if kind in _WHOLE:
        return _of_bytes(kind, plain)
    document = orjson.loads(plain)
    if kind in _DOCUMENTS:
        # What has no results, such as a holiday, stays as it is.
        document = _DOCUMENTS[kind](document, url) if isinstance(document.get("results"), list) else document
    else:
        change = _BARS.get(kind) or _ROWS[kind]
        for row in _rows(document)[::every]:
            if "o" in row or kind in _ROWS:
                change(row)
    # The standard library writes NaN as some servers do; orjson would not.
    text = json.dumps(document).encode()
    return _response(compressed(text) if gzipped else text, gzipped=gzipped)


def _rows(document: Document) -> list[Row]:
    """Return the rows of an answer; the one of ticker details; the running bars of a snapshot."""
    if "tickers" in document:
        return [row["day"] for row in document["tickers"]]
    found = document.get("results", [])
    return [found] if isinstance(found, dict) else found


def _of_bytes(kind: str, plain: bytes) -> web.Response:
    match kind:
        case "null_results":
            return _response(b'{"status":"OK","results":null}', gzipped=False)
        case "html":
            return _response(b"<html><body>Sorry.</body></html>", gzipped=False, content_type="text/html")
        case "truncated_gzip":
            return _response(compressed(plain)[:-_GZIP_TAIL], gzipped=True)
        case "oversized":
            return _response(compressed(plain + b" " * _OVERSIZE), gzipped=True)
        case _:
            return _response(plain, gzipped=False, content_type="text/plain")


def _response(body: bytes, *, gzipped: bool, content_type: str = "application/json") -> web.Response:
    headers = {hdrs.CONTENT_ENCODING: "gzip"} if gzipped else None
    return web.Response(body=body, content_type=content_type, headers=headers)
