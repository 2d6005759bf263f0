"""The ledger: every requested symbol with its one outcome, a row or an omission with its reason."""

from collections import Counter
from collections.abc import Iterable

from services.market.omission import Omission
from services.market.vocabulary import Reason


class Ledger:
    """Collects omissions while a scan runs; `close` accounts for the rest.

    Args:
        symbols: every requested symbol, once.
    """

    def __init__(self, symbols: Iterable[str]) -> None:
        self._open = dict.fromkeys(symbols)
        self._omissions: dict[str, Omission] = {}

    def __repr__(self) -> str:
        return f"Ledger({len(self._open)} open, {len(self._omissions)} omitted)"

    def omit(self, omission: Omission) -> None:
        """Record why a symbol is left out; the first reason stays. A symbol that was not requested is ignored."""
        if omission.symbol in self._open:
            del self._open[omission.symbol]
            self._omissions[omission.symbol] = omission

    def is_open(self, symbol: str) -> bool:
        """Tell whether a symbol is requested and not omitted."""
        return symbol in self._open

    def state(self) -> tuple[dict[str, None], dict[str, Omission]]:
        """Return copies of the symbols without an outcome and of the omissions."""
        return dict(self._open), dict(self._omissions)

    def close(self, ranked: Iterable[str]) -> tuple[Omission, ...]:
        """Return every omission, by symbol; what is neither ranked nor omitted yet ran out of budget.

        Raises:
            ValueError: a row was not requested, is there twice, or is an omission as well: the ledger does not add up.
        """
        rows = tuple(ranked)
        once = frozenset(rows)
        if len(once) < len(rows) or not once <= self._open.keys():
            odd = next(symbol for symbol in rows if rows.count(symbol) > 1 or symbol not in self._open)
            raise ValueError(f"{odd} has two outcomes, or was never requested")
        for symbol in self._open.keys() - once:
            self.omit(Omission(symbol, Reason.BUDGET_SPENT))
        return tuple(self._omissions[symbol] for symbol in sorted(self._omissions))


def counts(omissions: Iterable[Omission]) -> dict[tuple[Reason, str], int]:
    """Count omissions by reason, and by factor where a filter of factors is the reason, in a fixed order."""
    counted = Counter(
        (omission.reason, omission.filter if omission.reason is Reason.FILTERED_FACTOR else "")
        for omission in omissions
    )
    return {found: counted[found] for found in sorted(counted)}
