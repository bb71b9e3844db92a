"""What the tests of the server share: a table, odd rows, a client, and a server around a network."""

from __future__ import annotations

import http.client
import json
from contextlib import contextmanager

import numpy as np
import polars as pl

from trainwell.ship.serve.limits import Limits
from trainwell.ship.serve.start import Options, serve


def table(n=240):
    draw = np.random.default_rng(0)
    age, job = draw.integers(18, 70, n), draw.choice(["sales", "tech", "farm"], n)
    member = draw.choice(["yes", "no"], n)
    pay = age * 100 + (job == "tech") * 3000 + draw.normal(0, 300, n)
    rich = np.where(pay > np.median(pay), "high", "low")
    hours = np.where(draw.random(n) < 0.1, None, draw.normal(40, 5, n).round(1))
    columns = {"age": age, "job": job, "member": member, "hours": pl.Series(hours.tolist()), "pay": pay.round(2), "class": rich}
    return pl.DataFrame(columns)


def odd_rows(n, seed=1):
    """Rows as careless clients send them: unseen, missing, infinite, reordered, text in numbers."""
    draw = np.random.default_rng(seed)
    ages = [30, 51.5, "44", "1,5", "old", None, 10**30, float("inf"), float("nan"), -7, True, ""]
    jobs = ["sales", "tech", "farm", "pilot", None, "", " tech ", 3, "农民"]
    rows = []
    for _ in range(n):
        row = {
            "age": ages[draw.integers(len(ages)) if draw.random() < 0.4 else 0],
            "job": jobs[draw.integers(len(jobs)) if draw.random() < 0.4 else 1],
            "member": ["yes", "no", None, "perhaps", True][draw.integers(5) if draw.random() < 0.4 else 0],
            "hours": [40.5, None, 1e300, "38"][draw.integers(4) if draw.random() < 0.4 else 0],
            "unknown": "x",
        }
        names = draw.permutation(list(row)).tolist()
        rows.append({name: row[name] for name in names if draw.random() < 0.95 or name == "age"})
    return rows


class Client:
    """One connection to a server."""

    def __init__(self, server):
        self.server = server

    def ask(self, path="/predict", body=None, *, method=None, **headers):
        """Status, headers and content of a response; JSON is read."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        try:
            given = body if isinstance(body, bytes | None) else json.dumps(body).encode()
            told = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method or ("GET" if body is None else "POST"), path, given, told)
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        kind = response.headers.get("content-type", "")
        return response.status, response.headers, json.loads(content) if "json" in kind else content

    def answers(self, rows):
        status, _, content = self.ask(body={"rows": rows})
        assert status == 200, content
        return content["answers"]


@contextmanager
def serving(model, *, limits=Limits(), options=None, token=""):  # noqa: B008
    """A client of a server that runs as long as the block."""
    with serve(model, port=0, block=False, limits=limits, options=options or Options(), token=token) as server:
        yield Client(server)
