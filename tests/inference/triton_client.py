"""Talks to the server at the address in argv with NVIDIA's client; prints what it saw as JSON.

A program of its own: the client registers the protocol's messages under the names that our stubs have.
"""

import json
import queue
import sys

import numpy as np
import tritonclient.grpc as triton


def _inputs(block: np.ndarray) -> list[triton.InferInput]:
    tensor = triton.InferInput("features", list(block.shape), "FP32")
    tensor.set_data_from_numpy(block)
    return [tensor]


def _unary(client: triton.InferenceServerClient, block: np.ndarray) -> dict[str, list[float]]:
    names = "rsi_14,mom_12_1,vol_realized_60"
    apart = []
    for column, name in enumerate(reversed(names.split(","))):
        tensor = triton.InferInput(name, [len(block)], "FP64")
        apart.append(tensor.set_data_from_numpy(block[:, column].astype(np.float64)))
    asked = [triton.InferRequestedOutput("alpha")]
    results = {
        "block": client.infer("alpha_5", _inputs(block), outputs=asked),
        "reversed": client.infer(
            "alpha_5", _inputs(np.ascontiguousarray(block[:, ::-1])), parameters={"features": names}
        ),
        "apart": client.infer("alpha_5", apart),
        "empty": client.infer("alpha_5", _inputs(block[:0])),
    }
    return {name: result.as_numpy("alpha").tolist() for name, result in results.items()}


def _explained(client: triton.InferenceServerClient, block: np.ndarray) -> dict[str, object]:
    asked = [triton.InferRequestedOutput(name) for name in ("alpha", "contributions", "out_of_distribution")]
    result = client.infer("told", _inputs(block), outputs=asked)
    return {output.name(): result.as_numpy(output.name()).tolist() for output in asked}


def _stream(client: triton.InferenceServerClient, block: np.ndarray) -> list[list[object]]:
    answers: queue.Queue[tuple[triton.InferResult | None, Exception | None]] = queue.Queue()
    client.start_stream(lambda result, error: answers.put((result, error)))
    seen: list[list[object]] = []
    for number, width in enumerate((3, 2, 3)):
        client.async_stream_infer("alpha_5", _inputs(np.ascontiguousarray(block[:, :width])), request_id=str(number))
        result, error = answers.get(timeout=10)
        if result is None:
            seen.append([str(error)])
        else:
            seen.append([result.get_response().id, *result.as_numpy("alpha").tolist()])
    client.stop_stream()
    return seen


def main(address: str) -> None:
    """Read metadata, infer, stream, and fail once."""
    block = np.array([[0.1, -0.2, 0.3], [np.nan, 1.0, 2.0]], np.float32)
    with triton.InferenceServerClient(address) as client:
        try:
            client.infer("alpha_7", _inputs(block))
            status = "none"
        except triton.InferenceServerException as error:
            status = error.status()
        seen = {
            "live": client.is_server_live(),
            "ready": client.is_server_ready(),
            "model_ready": client.is_model_ready("alpha_5"),
            "inputs": [tensor.name for tensor in client.get_model_metadata("alpha_5").inputs],
            "index": {model.name: model.state for model in client.get_model_repository_index().models},
            "outputs": {tensor.name: list(tensor.shape) for tensor in client.get_model_metadata("told").outputs},
            "explained": _explained(client, block),
            "unary": _unary(client, block),
            "stream": _stream(client, block),
            "unknown": status,
        }
    print(json.dumps(seen))  # noqa: T201  # how the test reads it


if __name__ == "__main__":
    main(sys.argv[1])
