"""What a resync costs where one project has many objects of a type: the marks of all rows are not read for each of them."""

import random

import pytest

from infomaniak_operator.reconcile.generic import owned
from infomaniak_operator.reconcile.ownership import marks
from infomaniak_operator.reconcile.ownership.marks import Mark, Owner, Standing
from tests.support.forest import Forest
from tests.support.objects import NAMESPACE, SECRET

UID = "00000000-0000-4000-8000-{:012d}"


def network(number: int) -> dict:
    return {
        "apiVersion": "network.infomaniak.cloud/v1alpha1",
        "kind": "InfomaniakNetwork",
        "metadata": {"name": f"n{number}", "namespace": NAMESPACE, "uid": UID.format(number)},
        "spec": {
            "cloudCredentialsRef": {"secretName": SECRET},
            "subnets": [{"name": "a", "cidr": f"10.0.{number}.0/24"}],
        },
    }


def marks_read(count: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many texts are searched for a mark in one resync of so many networks."""
    world = Forest(settles=None, latency=0.0)
    world.fake.neutron.quotas = dict.fromkeys(world.fake.neutron.quotas, -1)
    world.apply_all(network(number) for number in range(count))
    world.run()
    world.all_ready()
    world.clock.advance(3600)
    found, read = 0, marks._ending

    def counted(text: object) -> tuple[Mark, int] | None:
        nonlocal found
        found += 1
        return read(text)

    with monkeypatch.context() as patch:
        patch.setattr(marks, "_ending", counted)
        world.forget_calls()
        world.resync()
        world.run(60.0)
    assert world.changes() == []
    assert world.calls()["LIST networks"] >= 1
    return found


def test_a_resync_reads_as_many_marks_for_an_object_however_many_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    few, many = marks_read(15, monkeypatch), marks_read(60, monkeypatch)
    assert few > 0
    assert many <= 4 * few * 1.1


class Seen:
    """Of the facts what ``main_rows`` asks for."""

    def __init__(self, owner: Owner) -> None:
        self.owner = owner


def test_no_row_with_our_mark_is_passed_over() -> None:
    rng = random.Random(7)
    owners = [Owner("cluster", "InfomaniakNetwork", "n", f"o{number}", UID.format(number)) for number in range(3)]
    owners.append(Owner("cluster", "InfomaniakNetwork", "n", "odd", "no uuid at all"))
    texts: list[object] = ["", None, 7, ["x"], {"a": 1}, "text"]
    for owner in owners:
        for mark in (owner.mark(), owner.mark("subnet/a"), owner.old_mark(), marks.released(owner.mark())):
            texts += [mark.text, f"text {mark.text}", f"{mark.text} text", f"text {mark.text} \n"]
        texts.append(f"{owner.mark().text} {owner.old_mark().text}")
    rows: list[dict] = []
    for number in range(600):
        row = {"id": f"r{number}", "description": rng.choice(texts)}
        if rng.random() < 0.5:
            tags = [rng.choice(texts) for _ in range(rng.randrange(4))]
            row |= {"provisioning_status": "ACTIVE", "tags": rng.choice([tags, tags, tuple(tags), None, 5, "text"])}
        rows.append(row)
    for owner in owners:
        facts = Seen(owner)
        carrying = {
            row["id"]
            for row in rows
            if (mark := owned.mark_of(row, owner)) and not mark.child and owner.standing(mark) is Standing.OURS
        }
        assert carrying
        assert {row["id"] for row in owned.main_rows(facts, rows, Standing.OURS)} == carrying
