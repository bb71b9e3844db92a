"""The check of an installation passes on this one, and says what is missing or broken on others."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from trainwell.report import installation
from trainwell.report.installation import Installation, look_at_installation, show_installation


def printed(found: Installation) -> str:
    out = StringIO()
    show_installation(found, console=Console(file=out, width=120))
    return out.getvalue()


def test_this_installation_works():
    found = look_at_installation()
    assert found.works, found.tests
    assert found.versions["torch"]
    assert any(device.startswith("cpu") for device in found.devices)
    assert "Everything works." in printed(found)


def test_a_broken_part_is_named(monkeypatch: pytest.MonkeyPatch):
    def broken() -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(installation, "TESTS", {"the cache folder is writable": broken})
    monkeypatch.setattr(installation, "requires", lambda name: ['fancy>=1; extra == "shine"', "torch>=2"])
    found = look_at_installation()
    assert not found.works
    said = printed(found)
    assert "FAILED the cache folder is writable: OSError: the disk is full" in said
    assert 'not installed: pip install "trainwell[shine]"' in said
    assert found.to_dict()["works"] is False
