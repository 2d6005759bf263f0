"""The models of a scan: what their server says of them, what it has to be told, and their requests and answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from inference import open_inference_grpc_pb2 as oip
from services.market.errors import ModelUnusableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

ROW_LIMIT = 4_096
"""Most rows of a request."""
OUT_OF_DISTRIBUTION = "out_of_distribution"
"""Name of the output of our server that tells which rows are unlike the training."""
_TYPES: dict[str, tuple[np.dtype[Any], str]] = {
    "FP32": (np.dtype("<f4"), "fp32_contents"),
    "FP64": (np.dtype("<f8"), "fp64_contents"),
    "BOOL": (np.dtype("?"), "bool_contents"),
}


@dataclass(frozen=True, slots=True)
class ModelTerms:
    """How to speak of a model with its server. The defaults are those of our own.

    Attributes:
        name: of the model on the server.
        features: `name` or `name@version` of the factor in each column, in order, with commas between; empty if the
            server's metadata has one input for each, in that order.
        input: name of the tensor of features, [rows, features].
        output: name of the tensor of alphas, [rows] or [rows, 1].
    """

    name: str
    features: str = ""
    input: str = "features"
    output: str = "alpha"


@dataclass(frozen=True, slots=True)
class Model:
    """A model as its server describes it.

    Attributes:
        role: which alpha it gives: alpha_5 or alpha_10.
        terms: how to speak of it.
        version: version that answers; empty if its server does not tell.
        sha256: hash of the model's file; empty if its server does not tell.
        device: where it predicts; empty if its server does not tell.
        features: names of the factors that it takes, in its order.
        feature_versions: versions of those factors' formulas, those that are known.
        tells_outliers: whether it tells which rows are out of distribution.
        learned_until: last session whose bars it has seen; None if its server does not tell.
    """

    role: str
    terms: ModelTerms
    version: str
    sha256: str
    device: str
    features: tuple[str, ...]
    feature_versions: dict[str, int]
    tells_outliers: bool
    learned_until: date | None = None

    @classmethod
    def from_metadata(cls, role: str, terms: ModelTerms, message: oip.ModelMetadataResponse) -> Self:
        """Read a description; what is not in the protocol itself stands among the properties, as our server puts it.

        Raises:
            ModelUnusableError: nobody tells the order of the features, the model has no such output, or what it tells
                to have learned from is no session.
        """
        card, outputs = message.properties, [tensor.name for tensor in message.outputs]
        if outputs and terms.output not in outputs:
            raise ModelUnusableError(
                f"model {terms.name} has no output {terms.output!r}, only {', '.join(outputs[:5])}"
            )
        features = terms.features.split(",") if terms.features else [tensor.name for tensor in message.inputs]
        if not terms.features and (not features or any(len(tensor.shape) != 1 for tensor in message.inputs)):
            raise ModelUnusableError(
                f"the server of model {terms.name} does not list an input for each feature: "
                f"name them in GATEWAY_{role.upper()}_FEATURES"
            )
        told = terms.features or card.get("features", "")
        versioned = (text.rpartition("@") for text in told.split(",") if "@" in text)
        return cls(
            role=role,
            terms=terms,
            version=card.get("version", message.versions[-1] if message.versions else ""),
            sha256=card.get("sha256", ""),
            device=card.get("device", ""),
            features=tuple(name.partition("@")[0] for name in features),
            feature_versions={name: _version(terms.name, version) for name, _, version in versioned},
            tells_outliers=OUT_OF_DISTRIBUTION in outputs,
            learned_until=_day(terms.name, card.get("learned_until", "")),
        )

    def __str__(self) -> str:
        """Tell which model this is: name, version, hash of its file, and the device if it is no CPU."""
        device = "" if self.device == "cpu" else self.device
        name = "@".join(filter(None, (self.terms.name, self.version)))
        return " ".join(filter(None, (name, self.sha256, device)))

    def looks_ahead(self, as_of: date) -> bool:
        """Tell whether it learned from sessions after `as_of`; not if its server does not tell."""
        return self.learned_until is not None and as_of < self.learned_until

    def requests(self, factors: Mapping[str, NDArray[np.float64]], row_count: int) -> Iterator[oip.ModelInferRequest]:
        """Give the requests for a block, of at most ROW_LIMIT rows each, without ids.

        Args:
            factors: by name, (symbol,) float64; NaN = undefined.
            row_count: symbols in the block.
        """
        features = np.stack([factors[name] for name in self.features], axis=1).astype("<f4")
        outputs = [self.terms.output, *([OUT_OF_DISTRIBUTION] if self.tells_outliers else [])]
        for start in range(0, row_count, ROW_LIMIT):
            rows = features[start : start + ROW_LIMIT]
            request = oip.ModelInferRequest(
                model_name=self.terms.name,
                model_version=self.version,
                inputs=[{"name": self.terms.input, "datatype": "FP32", "shape": rows.shape}],
                outputs=[{"name": name} for name in outputs],
                raw_input_contents=[rows.tobytes()],
            )
            request.parameters["features"].string_param = ",".join(self.features)
            yield request

    def alphas(self, answer: oip.ModelInferResponse, row_count: int) -> NDArray[np.float64]:
        """Read (row,) float64 alphas, fractions; NaN = none. Raises ModelUnusableError if they are not there."""
        values: NDArray[np.float64] = self._read(answer, self.terms.output, row_count).astype(np.float64)
        if np.isinf(values).any():
            raise ModelUnusableError(f"model {self.terms.name} gave an infinite {self.terms.output}")
        return values

    def outliers(self, answer: oip.ModelInferResponse, row_count: int) -> NDArray[np.bool_]:
        """Read (row,) bool, true where out of distribution. Raises ModelUnusableError if it is not there."""
        return self._read(answer, OUT_OF_DISTRIBUTION, row_count).astype(np.bool_)

    def _read(self, answer: oip.ModelInferResponse, name: str, row_count: int) -> NDArray[Any]:
        """Read the tensor `name`, raw or typed, one element a row."""
        place = next((place for place, tensor in enumerate(answer.outputs) if tensor.name == name), None)
        if place is None:
            raise ModelUnusableError(f"model {self.terms.name} answers without a tensor named {name}")
        tensor = answer.outputs[place]
        if tensor.datatype not in _TYPES:
            raise ModelUnusableError(f"model {self.terms.name} answers {name} as {tensor.datatype[:20]!r}")
        dtype, field = _TYPES[tensor.datatype]
        if place < len(answer.raw_output_contents):
            raw = answer.raw_output_contents[place]
            values: NDArray[Any] = np.frombuffer(raw, dtype, len(raw) // dtype.itemsize)
        else:
            values = np.array(getattr(tensor.contents, field), dtype)
        if len(values) != row_count:
            raise ModelUnusableError(
                f"model {self.terms.name} answers {len(values)} values of {name} for {row_count} rows"
            )
        return values


def _day(name: str, text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise ModelUnusableError(f"the server of model {name} says learned_until {text[:20]!r}: no date") from None


def _version(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ModelUnusableError(
            f"the server of model {name} names the version {text[:20]!r} of a feature: no number"
        ) from None


def check_features(models: Sequence[Model], columns: Mapping[str, int]) -> None:
    """Check that the scorer computes every feature of every model, by the formula that the model was made for.

    Raises:
        ModelUnusableError: names the model and the factors at fault.
    """
    for model in models:
        odd = [
            name
            for name in model.features
            if name not in columns or model.feature_versions.get(name, columns[name]) != columns[name]
        ]
        if odd:
            raise ModelUnusableError(f"model {model.terms.name} was made for other factors: {', '.join(odd)}")
