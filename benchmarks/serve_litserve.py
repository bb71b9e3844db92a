"""The network of a run behind LitServe, as its guide writes it: decode, batch, predict, unbatch, encode.

python benchmarks/serve_litserve.py runs/a 8001
"""

import sys
from typing import Any

import litserve
import numpy as np

import trainwell as tw


class Api(litserve.LitAPI):
    """Rows as JSON in, labels and probabilities out."""

    def setup(self, device: str) -> None:  # noqa: ARG002
        self.run = tw.Run.open(sys.argv[1])
        self.names, self.classes = self.run.preparation.shape.names, self.run.preparation.classes

    def decode_request(self, request):  # LitServe reads annotations in its own way
        rows = [self.run.preparation.encode_row(row) for row in request["rows"]]
        return [np.concatenate([row[name] for row in rows]) for name in self.names]

    def batch(self, inputs: list[list[np.ndarray]]) -> list[np.ndarray]:
        self.sizes = [len(arrays[0]) for arrays in inputs]
        return [np.concatenate(parts) for parts in zip(*inputs, strict=True)]

    def predict(self, arrays: list[np.ndarray]) -> np.ndarray:
        return self.run.predict_arrays(arrays)

    def unbatch(self, output: np.ndarray) -> list[np.ndarray]:
        return np.split(output, np.cumsum(self.sizes)[:-1])

    def encode_response(self, output: np.ndarray) -> dict[str, Any]:
        said = [self.classes[best] for best in output.argmax(axis=1)]
        told = zip(said, output.tolist(), strict=True)
        return {"answers": [{"prediction": label, "probabilities": row} for label, row in told]}


if __name__ == "__main__":
    server = litserve.LitServer(Api(max_batch_size=64, batch_timeout=0.002), accelerator="cpu")
    server.run(port=int(sys.argv[2]), generate_client_file=False, log_level="error")
