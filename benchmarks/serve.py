"""A server against the bare network, and against LitServe with the same network: requests of 1 and of 256 rows.

    python benchmarks/serve.py                     # trains a small classifier of tables
    python benchmarks/serve.py runs/a --seconds 5
    python benchmarks/serve.py runs/a --peer       # LitServe too, from PEER_PYTHON where it is set
    python benchmarks/serve.py runs/a --soak 180   # slow and malformed clients beside good ones, and memory

Servers run in processes of their own; every figure is of this machine, so only the ratios of one call carry over. The bare
network is `predict_arrays` on rows that are encoded already; bare ONNX Runtime, where there is one, the same network exported.
Clients hold their connections open and send requests that were made beforehand. CPU is that of the server and its children.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve()
TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    asked = arguments()
    if asked.role == "bad":
        print(json.dumps(asyncio.run(bad_clients(asked.port, asked.seconds))))
        return
    if asked.role:
        serve_here(asked)
        return
    run = Path(asked.run) if asked.run else trained()
    row = typical_row(run)
    print(f"{os.cpu_count()} cores; {run.name}: {len(row)} fields")
    bare(run, row)
    for name in ["trainwell", "trainwell-onnx", *(["litserve"] if asked.peer else [])]:
        with Started(name, run) as server:
            for rows, clients in ((1, 1), (1, 32), (256, 1), (256, 32)) if asked.seconds else ():
                report(name, server, requests(row, rows), rows=rows, clients=clients, seconds=asked.seconds)
            if asked.soak and name.startswith("trainwell"):
                soak(server, row, asked.soak)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", nargs="?")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement")
    parser.add_argument("--peer", action="store_true", help="measure LitServe too")
    parser.add_argument("--soak", type=float, default=0.0, help="seconds of slow connections beside good clients")
    parser.add_argument("--role", default="", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, default=0, help=argparse.SUPPRESS)
    return parser.parse_args()


def trained() -> Path:
    """A classifier of a made-up table with 14 columns, half of them labels."""
    import polars as pl

    import trainwell as tw

    draw = np.random.default_rng(0)
    numbers = {f"n{i}": draw.normal(size=4_000).round(3) for i in range(7)}
    labels = {f"c{i}": draw.choice([f"label {k}" for k in range(12)], 4_000) for i in range(7)}
    high = numbers["n0"] + (labels["c0"] == "label 3") > 0.2
    frame = pl.DataFrame({**numbers, **labels, "high": np.where(high, "yes", "no")})
    folder = Path(tempfile.mkdtemp(), "table")
    tw.fit(tw.Recipe(epochs=1, model="mlp"), tw.load(frame, "high"), folder=folder)
    return folder


def typical_row(run: Path) -> dict[str, Any]:
    import trainwell as tw
    from trainwell.ship.serve.fields import fields_of
    from trainwell.ship.serve.opening import card_of

    return {field.name: field.typical for field in fields_of(tw.Run.open(run).preparation, card_of(run))}


# ---- without a server


def bare(run: Path, row: dict[str, Any]) -> None:
    """Rows per second of the network alone, and with the preparation before it."""
    import trainwell as tw

    opened = tw.Run.open(run)
    for n in (1, 256):
        encoded = opened.preparation.encode_row(row)
        arrays = [np.repeat(encoded[name], n, axis=0) for name in opened.preparation.shape.names]
        ways = {"bare network": lambda x=arrays: opened.predict_arrays(x), "predict": lambda n=n: opened.predict([row] * n)}
        for name, once in (ways | onnx_way(opened, arrays)).items():
            seconds, cpu = timed(once)
            line(name, n, 1, seconds, n / float(np.median(seconds)), cpu=cpu / n)


def onnx_way(opened: Any, arrays: list[np.ndarray]) -> dict[str, Any]:
    try:
        import onnxruntime
        import torch
    except ImportError:
        return {}
    inputs = tuple(torch.from_numpy(x) for x in arrays)
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, "network.onnx"))
        torch.onnx.export(opened.network, inputs, path, dynamo=True, verbose=False, external_data=False)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    given = {told.name: x for told, x in zip(session.get_inputs(), arrays, strict=True)}
    return {"bare ONNX Runtime": lambda: session.run(None, given)}


def timed(once: Any, seconds: float = 1.5) -> tuple[np.ndarray, float]:
    """The times of calls, and the CPU of one."""
    for _ in range(5):
        once()
    times, cpu, end = [], time.process_time(), time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 20:
        start = time.perf_counter()
        once()
        times.append(time.perf_counter() - start)
    return np.array(times), (time.process_time() - cpu) / len(times)


# ---- servers


class Started:
    """A server in a process of its own, as long as the block."""

    def __init__(self, name: str, run: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.name, self._run = name, run

    def __enter__(self) -> Started:
        command = [sys.executable, str(HERE), str(self._run), "--role", self.name, "--port", str(self.port)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 240
        while time.monotonic() < end:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=2).read()
                return self
            except OSError:
                time.sleep(0.3)
        raise SystemExit(f"{self.name} did not start")

    def __exit__(self, *problem: object) -> None:
        for pid in reversed(self.processes()):
            os.kill(pid, signal.SIGTERM)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def processes(self) -> list[int]:
        """The server and what it started."""
        found, parents = [self.process.pid], {}
        for place in Path("/proc").glob("[0-9]*/stat"):
            try:
                parents[int(place.parent.name)] = int(place.read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
        for _ in range(3):
            found += [pid for pid, parent in parents.items() if parent in found and pid not in found]
        return found

    def cpu(self) -> float:
        """Seconds of CPU until now."""
        total = 0.0
        for pid in self.processes():
            parts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += (int(parts[11]) + int(parts[12])) / TICKS
        return total

    def memory(self) -> float:
        """Resident megabytes."""
        pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self.processes())
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def serve_here(asked: argparse.Namespace) -> None:
    if asked.role.startswith("trainwell"):
        import trainwell as tw
        from trainwell.ship.serve.start import Options

        engine = "onnx" if asked.role.endswith("onnx") else "torch"
        tw.serve(tw.Run.open(asked.run), port=asked.port, options=Options(engine=engine))
        return
    python = os.environ.get("PEER_PYTHON", sys.executable)
    subprocess.run([python, str(HERE.with_name("serve_litserve.py")), asked.run, str(asked.port)], check=True)


# ---- clients


def requests(row: dict[str, Any], rows: int) -> bytes:
    body = json.dumps({"rows": [row] * rows}).encode()
    head = f"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def client(port: int, request: bytes, until: float, times: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 22)
    while time.perf_counter() < until:
        start = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(part[15:]) for part in head.lower().split(b"\r\n") if part.startswith(b"content-length:"))
        await reader.readexactly(length)
        assert head.startswith(b"HTTP/1.1 200"), head
        times.append(time.perf_counter() - start)
    writer.close()


def ask(port: int, request: bytes, *, clients: int, seconds: float) -> tuple[np.ndarray, float]:
    """Times of all requests, and the seconds that they took together."""
    times: list[float] = []

    async def every() -> None:
        until = time.perf_counter() + seconds
        await asyncio.gather(*(client(port, request, until, times) for _ in range(clients)))

    start = time.perf_counter()
    asyncio.run(every())
    return np.array(times), time.perf_counter() - start


def report(name: str, server: Started, request: bytes, *, rows: int, clients: int, seconds: float) -> None:
    ask(server.port, request, clients=clients, seconds=min(1.0, seconds))
    cpu = server.cpu()
    times, took = ask(server.port, request, clients=clients, seconds=seconds)
    line(name, rows, clients, times, rows * len(times) / took, cpu=(server.cpu() - cpu) / (rows * len(times)))


def line(name: str, rows: int, clients: int, times: np.ndarray, rate: float, *, cpu: float) -> None:
    p50, p99 = np.quantile(times, [0.5, 0.99]) * 1e3
    head = f"{name:18s} {rows:4d} rows x {clients:2d}  p50 {p50:8.3f} ms  p99 {p99:8.3f} ms"
    print(f"{head}  {rate:10,.0f} rows/s  {cpu * 1e6:8.1f} us CPU a row", flush=True)


def soak(server: Started, row: dict[str, Any], seconds: float) -> None:
    """Good clients alone, then beside 200 slow connections and clients that send nonsense; memory before and after.

    The bad clients run in a process of their own: in that of the good ones they would delay those that are timed.
    """
    request = requests(row, 1)
    idle, _ = ask(server.port, request, clients=4, seconds=min(20.0, seconds / 3))
    before = server.memory()
    bad_ones = [sys.executable, str(HERE), "--role", "bad", "--port", str(server.port), "--seconds", str(seconds)]
    bad = subprocess.Popen(bad_ones, stdout=subprocess.PIPE)
    time.sleep(3)
    held, _ = ask(server.port, request, clients=4, seconds=max(1.0, seconds - 5))
    told = json.loads(bad.communicate()[0])
    ratio = np.quantile(held, 0.99) / np.quantile(idle, 0.99)
    print(f"beside 200 slow connections for {seconds:g} s: {len(held):,} requests, none failed; p99 {ratio:.2f} x idle")
    print(f"malformed requests by status: {told}; memory {before:.1f} MB, then {server.memory():.1f} MB", flush=True)


#: What the bad clients send.
NONSENSE = [
    b"GARBAGE\r\n\r\n",
    b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: many\r\n\r\n",
    b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nnot json!",
    b'POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 13\r\n\r\n{"rows": [1]}',
    b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n",
    b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n",
]


async def bad_clients(port: int, seconds: float) -> dict[str, int]:
    """Statuses of the malformed requests that are sent beside 200 slow ones."""
    until, told = time.perf_counter() + seconds, dict[str, int]()

    async def nonsense() -> None:
        while time.perf_counter() < until:
            for sent in NONSENSE:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(sent)
                status = (await reader.read(12))[9:12].decode() or "closed"
                told[status] = told.get(status, 0) + 1
                writer.close()
                await asyncio.sleep(0.05)

    await asyncio.gather(nonsense(), *(slow_client(port, until, place) for place in range(200)))
    return told


async def slow_client(port: int, until: float, place: int) -> None:
    """Sends a byte a second, each client at its own moment, of a head or of a body; begins again when it is sent away."""
    body = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\n"
    await asyncio.sleep(place / 200)
    while time.perf_counter() < until:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(body if place % 2 else b"GET / HTTP/1.1\r\nX: ")
            while time.perf_counter() < until:
                await asyncio.sleep(1)
                writer.write(b"1")
                await writer.drain()
        except OSError:
            await asyncio.sleep(0.1)


if __name__ == "__main__":
    main()
