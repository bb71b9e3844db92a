"""What clients do wrong is told to them: never a 500, nothing executed or opened, and good clients do not notice."""

from __future__ import annotations

import json
import socket
import threading
import time

import numpy as np
import pytest

from ship.serve.kit import odd_rows, serving
from trainwell.core.errors import CheckpointError, UsageError
from trainwell.ship.serve.limits import Limits
from trainwell.ship.serve.served import Served
from trainwell.ship.serve.start import Options, serve

GOOD = {"age": 30, "job": "tech", "member": "yes", "hours": 40}
DEEP = b"[" * 100_000
JSON = "application/json"

#: Body and content type of requests that cannot be answered.
MALFORMED = [
    (b"", JSON),
    (b"{", JSON),
    (b"nonsense", JSON),
    (b"\xff\xfe\x00", JSON),
    (b"null", JSON),
    (b"7", JSON),
    (b'"rows"', JSON),
    (b"[]", JSON),
    (b"{}", JSON),
    (b'{"rows": []}', JSON),
    (b'{"rows": {}}', JSON),
    (b'{"rows": null}', JSON),
    (b'{"rows": "/etc/passwd"}', JSON),
    (b'{"row": []}', JSON),
    (b'{"rows": [1]}', JSON),
    (b'{"rows": [null]}', JSON),
    (b'{"rows": [[]]}', JSON),
    (b'{"rows": [{}]}', JSON),
    (b'{"rows": [{"colour": 1}]}', JSON),
    (b'{"rows": [{"age": []}]}', JSON),
    (b'{"rows": [{"age": {"$gt": 0}}]}', JSON),
    (b'{"rows": [{"job": ["tech"]}]}', JSON),
    (b'{"rows": [{"job": "\\ud800"}]}', JSON),
    (b'{"rows": [{"\\ud800": 1}]}', JSON),
    (b'{"rows": [{"age": 1}', JSON),
    (b'{"rows": [{"age": 1}],}', JSON),
    (b'{"rows": [{"age": ' + b"9" * 5000 + b"}]}", JSON),
    (b'{"rows": [{"age": 0x10}]}', JSON),
    (b'{"instances": [{"age": 1}]}', JSON),
    (b'{"rows": [], "row": {}}', JSON),
    (DEEP, JSON),
    (b'{"rows": ' + DEEP, JSON),
    (b"<rows><age>1</age></rows>", "application/xml"),
    (b"\x80\x04\x95", "application/x-pickle"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"age,job\n", "text/csv"),
    (b"colour\nred\n", "text/csv"),
    (b"\x1f\x8b\x08\x00", "text/csv"),
    (b"\x00\x01\x02" * 50, "text/csv"),
    (b"hello", "multipart/form-data"),
    (b"hello", "multipart/form-data; boundary=x"),
    (b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n', "multipart/form-data; boundary=x"),
    (b"age=1", "application/x-www-form-urlencoded"),
]


@pytest.mark.parametrize("place", range(len(MALFORMED)))
def test_a_malformed_request_is_the_clients_fault(rich, place):
    body, kind = MALFORMED[place]
    status, _, content = rich.ask(body=body, content_type=kind)
    assert 400 <= status < 500
    assert content["error"]["says"]


#: What is sent over the wire, and the status that comes back.
RAW = [
    (b"GARBAGE\r\n\r\n", 400),
    (b"GET\r\n\r\n", 400),
    (b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n", 400),
    (b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: many\r\n\r\n", 400),
    (b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
    (b"POST /predict HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
    (b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999\r\n\r\n", 413),
    (b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", 415),
    (b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421),
    (b"GET / HTTP/1.1\r\n\r\n", 421),
    (b"GET /\xff\xfe HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    (b"GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
    (b"GET /page.html HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
    (b"DELETE /predict HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
    (b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\nHost: localhost\r\n", 431),
    (b"POST /predict?top=-1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}", 422),
]


@pytest.mark.parametrize("place", range(len(RAW)))
def test_what_is_no_http_is_refused(rich, place):
    sent, wanted = RAW[place]
    assert exchanged(rich.server.port, sent) == wanted


def exchanged(port, sent, *, pause=0.0):
    """The status of the first response to some bytes; 0 when the connection is closed without one."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as line:
        line.sendall(sent)
        time.sleep(pause)
        head = line.recv(200)
    return int(head.split(b" ")[1]) if head else 0


def test_too_large_a_body_is_refused_before_and_while_it_is_read(classifier):
    with serving(classifier, limits=Limits(body=50_000)) as client:
        assert client.ask(body=b"x" * 3_000_000)[0] == 413
        chunk = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
        head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        assert exchanged(client.server.port, head + 3 * chunk) == 413
        status, _, content = client.ask(body={"rows": [GOOD]})
        assert (status, len(content["answers"])) == (200, 1)


def test_too_many_rows_are_refused(classifier):
    with serving(classifier, limits=Limits(rows=3)) as client:
        assert client.ask(body={"rows": [GOOD] * 4})[0] == 413
        assert client.ask(body=b"age\n1\n2\n3\n4\n5\n", content_type="text/csv")[0] == 413


def test_slow_clients_are_sent_away_and_good_ones_do_not_wait(classifier):
    limits = Limits(head_seconds=0.5, body_seconds=0.5, waiting=4)
    slow = [b"GET / HT", b"", b"\r\n", b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{"] * 10
    with serving(classifier, limits=limits) as client:
        lines = [socket.create_connection(("127.0.0.1", client.server.port), timeout=20) for _ in slow]
        for line, start in zip(lines, slow, strict=True):
            line.sendall(start)
        assert all(client.ask(body={"rows": [GOOD]})[0] == 200 for _ in range(10))
        answers = [line.recv(100) for line in lines]
        for line in lines:
            line.close()
    assert all(answer.startswith(b"HTTP/1.1 408") for answer in answers)


def test_one_request_too_many_comes_back_later(classifier, monkeypatch):
    held, compute = threading.Event(), Served.compute
    with serving(classifier, limits=Limits(waiting=2)) as client:
        monkeypatch.setattr(Served, "seconds", lambda served, rows: 1.0)  # the thread's work, not the event loop's
        monkeypatch.setattr(Served, "compute", lambda served, arrays: (held.wait(10), compute(served, arrays))[1])
        results = []
        asking = [threading.Thread(target=lambda: results.append(client.ask(body={"rows": [GOOD]}))) for _ in range(2)]
        for thread in asking:
            thread.start()
        until = time.monotonic() + 10
        while b"trainwell_requests_in_flight 2" not in client.ask("/metrics")[2] and time.monotonic() < until:
            time.sleep(0.01)
        status, headers, content = client.ask(body={"rows": [GOOD]})
        assert (status, headers["retry-after"], "error" in content) == (503, "1", True)
        assert client.ask("/health")[0] == 200
        held.set()
        for thread in asking:
            thread.join()
    assert [status for status, _, _ in results] == [200, 200]


def test_an_answer_that_takes_too_long_is_given_up(classifier, monkeypatch):
    compute = Served.compute
    with serving(classifier, limits=Limits(work_seconds=0.2)) as client:
        monkeypatch.setattr(Served, "seconds", lambda served, rows: 1.0)  # the thread's work, not the event loop's
        monkeypatch.setattr(Served, "compute", lambda served, arrays: (time.sleep(0.6), compute(served, arrays))[1])
        assert client.ask(body={"rows": [GOOD]})[0] == 503
        monkeypatch.setattr(Served, "compute", compute)
        time.sleep(0.6)
        assert client.ask(body={"rows": [GOOD]})[0] == 200


def test_one_connection_too_many_is_refused(classifier):
    with serving(classifier, limits=Limits(connections=3)) as client:
        lines = [socket.create_connection(("127.0.0.1", client.server.port)) for _ in range(3)]
        time.sleep(0.2)
        assert exchanged(client.server.port, b"") == 503
        for line in lines:
            line.close()
        time.sleep(0.2)
        assert client.ask("/health")[0] == 200


def test_a_token_opens_everything_but_the_empty_page(classifier):
    with serving(classifier, token="secret") as client:
        for path in ("/schema", "/metrics", "/openapi.json"):
            assert client.ask(path)[0] == 401
            assert client.ask(path, authorization="Bearer secret")[0] == 200
        for wrong in ("", "Bearer", "Bearer Secret", "Basic secret", "Bearer secret2"):
            assert client.ask(body={"rows": [GOOD]}, authorization=wrong)[0] == 401
        assert client.ask(body={"rows": [GOOD]}, authorization="Bearer secret")[0] == 200
        assert [client.ask(path)[0] for path in ("/", "/page.css", "/page.js", "/health")] == [200] * 4
        assert b"job" not in client.ask("/")[2]


def test_an_address_for_others_needs_a_token_or_a_word(classifier):
    for host in ("0.0.0.0", "::", "192.0.2.1", "example.org"):
        with pytest.raises(UsageError, match="no token"):
            serve(classifier, host=host, port=0, block=False)
    with serve(classifier, host="0.0.0.0", port=0, block=False, options=Options(open_to_all=True)) as server:
        assert server.url.startswith("http://127.0.0.1:")


def test_a_taken_port_is_told_in_one_sentence(classifier):
    with (
        serve(classifier, port=0, block=False) as server,
        pytest.raises(UsageError, match=f"port {server.port}"),
    ):
        serve(classifier, port=server.port, block=False)


def test_a_run_that_has_not_ended_is_not_served(classifier, tmp_path):
    folder = tmp_path / "half"
    classifier.save(folder)
    (folder / "weights.safetensors").unlink()
    with pytest.raises(CheckpointError, match="not ended"):
        serve(type(classifier).open(folder), port=0, block=False)


def test_random_bytes_are_never_the_servers_fault(rich):
    draw = np.random.default_rng(0)
    text = json.dumps({"rows": odd_rows(3)}).encode()
    for _ in range(150):
        body = bytearray(text)
        for place in draw.integers(len(body), size=draw.integers(1, 6)):
            body[place] = draw.integers(256)
        assert rich.ask(body=bytes(body))[0] in (200, 400, 422)
