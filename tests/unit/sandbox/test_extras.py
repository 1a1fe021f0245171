"""Services that are there only where they are asked for: what a sandbox remembers of them, and what is written for them."""

import configparser
import stat
from pathlib import Path

import pytest

from sandbox import SandboxError, extras
from sandbox.configs import Layout
from sandbox.extras import EXTRAS, Extras
from sandbox.services.barbican import as_text

PORTS = {"keystone": 1, "neutron": 2, "octavia": 3, "barbican": 4, "designate": 5}


def layout(folder: Path) -> Layout:
    return Layout(folder, Path("/etc-of-it"), PORTS, "postgresql://postgres:@/DATABASE?host=x")


def test_what_was_asked_for_once_stays_until_it_is_taken_away(tmp_path: Path) -> None:
    folder = tmp_path / "not-there-yet"
    assert (Extras(folder).chosen, Extras(folder).key_role) == ((), "creator")
    assert Extras(folder).choose() is False
    assert not folder.exists()
    assert Extras(folder).choose(with_services=["designate"]) is True
    assert Extras(folder).choose(with_services=["barbican", "designate"], key_role="member") is True
    assert (Extras(folder).chosen, Extras(folder).key_role) == (EXTRAS, "member")
    assert Extras(folder).choose(with_services=["barbican"]) is False
    assert Extras(folder).choose(without_services=["designate"]) is True
    assert (Extras(folder).chosen, Extras(folder).key_role) == (("barbican",), "member")


@pytest.mark.parametrize("wrong", [{"with_services": ["manila"]}, {"key_role": "admin"}])
def test_what_there_is_not_is_refused_and_nothing_kept(tmp_path: Path, wrong: dict) -> None:
    with pytest.raises(SandboxError, match=r"barbican, designate|creator or member"):
        Extras(tmp_path).choose(**wrong)
    assert list(tmp_path.iterdir()) == []


def test_files_are_secret_and_only_those_that_differ_are_named(tmp_path: Path) -> None:
    assert extras.write(layout(tmp_path), EXTRAS, "creator") == list(EXTRAS)
    assert extras.write(layout(tmp_path), EXTRAS, "creator") == []
    assert extras.write(layout(tmp_path), EXTRAS, "member") == ["barbican"]
    for name in EXTRAS:
        file = tmp_path / f"{name}.conf"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        read = configparser.ConfigParser(interpolation=None)
        read.read(file)
        assert read["keystone_authtoken"]["auth_url"] == "http://127.0.0.1:1"
        assert f"/{name}?" in file.read_text(), "its own database"


def test_the_role_is_barbicans_own_switch(tmp_path: Path) -> None:
    def new_rules(role: str) -> str:
        extras.write(layout(tmp_path), ["barbican"], role)
        read = configparser.ConfigParser(interpolation=None)
        read.read(tmp_path / "barbican.conf")
        return read["oslo_policy"]["enforce_new_defaults"]

    assert (new_rules("creator"), new_rules("member")) == ("False", "True")


def test_who_asks_for_none_has_nothing_added_to_the_catalogue(tmp_path: Path) -> None:
    assert "INSERT" not in extras.catalogue_sql(layout(tmp_path), ())
    one = extras.catalogue_sql(layout(tmp_path), ["designate"])
    assert ("'dns'" in one, "http://127.0.0.1:5" in one, "key-manager" in one) == (True, True, False)


def test_bytes_among_the_parameters_of_a_statement_become_text() -> None:
    assert as_text({"a": b"key", "b": 1, "c": "x", "d": None}) == {"a": "key", "b": 1, "c": "x", "d": None}
    assert as_text([{"a": b"key"}, {"a": b"k2"}]) == [{"a": "key"}, {"a": "k2"}]
    assert as_text(({"a": b"key"},)) == ({"a": "key"},)
    assert as_text(None) is None
