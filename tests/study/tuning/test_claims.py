"""One claim has one holder; the dead and those who do not renew lose theirs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from sqlalchemy import create_engine

from trainwell.study.tuning import claims
from trainwell.study.tuning.claims import Alone, Both, FileClaims, TableClaims, hold


@pytest.fixture
def database(tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path / 'claims.db'}", connect_args={"timeout": 30})
    yield engine
    engine.dispose()


@pytest.fixture
def tables(database):
    found = [TableClaims(database, "a") for _ in range(2)]
    yield found
    for one in found:
        one.close()


@pytest.mark.parametrize("kind", ["files", "table", "both"])
def test_a_claim_has_one_holder(kind, tmp_path, tables):
    files = [FileClaims(tmp_path), FileClaims(tmp_path)]
    mine, yours = {"files": files, "table": tables, "both": [Both(t, f) for t, f in zip(tables, files, strict=True)]}[kind]
    assert mine.take("x")
    assert not yours.take("x")
    assert yours.take("y")
    mine.release("x")
    assert yours.take("x")
    assert not mine.take("x")


def test_of_many_threads_one_gets_it(database):
    wanting = [TableClaims(database, "a") for _ in range(8)]
    got: list[bool] = []
    threads = [threading.Thread(target=lambda c=c: got.append(c.take("x"))) for c in wanting]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one in wanting:
        one.close()
    assert got.count(True) == 1


def test_a_claim_that_is_not_renewed_passes_on_and_one_that_is_stays(tables, monkeypatch):
    monkeypatch.setattr(claims, "LEASE", 0.5)
    monkeypatch.setattr(claims, "RENEW", 0.1)
    dead, alive = tables
    assert dead.take("x")
    assert alive.take("y")
    dead.close()  # its thread renews no more, as if its machine had stopped
    start = time.monotonic()
    while not alive.take("x"):
        assert not dead.take("y")  # renewed all the time
        time.sleep(0.05)
    assert 0.4 < time.monotonic() - start < 5


def test_a_file_claim_dies_with_its_holder(tmp_path):
    code = "import sys; from pathlib import Path; from trainwell.study.tuning.claims import FileClaims\n"
    code += "print(FileClaims(Path(sys.argv[1])).take('x'), flush=True); sys.stdin.read()"
    # the claims object has to live on, or its file is closed
    code = code.replace("print(FileClaims(Path(sys.argv[1])).take('x')", "c = FileClaims(Path(sys.argv[1])); print(c.take('x')")
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdin=-1, stdout=-1, text=True) as holder:
        assert holder.stdout.readline() == "True\n"
        assert not FileClaims(tmp_path).take("x")
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
        assert FileClaims(tmp_path).take("x")


def test_holding_waits(tmp_path):
    mine, yours = FileClaims(tmp_path), FileClaims(tmp_path)
    order = []

    def wait() -> None:
        with hold(yours, "x", poll=0.01):
            order.append("yours")

    with hold(mine, "x"):
        thread = threading.Thread(target=wait)
        thread.start()
        time.sleep(0.1)
        order.append("mine")
    thread.join()
    assert order == ["mine", "yours"]


def test_alone_everything_is_mine():
    alone = Alone()
    assert alone.take("x")
    assert alone.take("x")
    alone.release("x")
