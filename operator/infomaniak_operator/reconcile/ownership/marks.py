"""The mark of ownership that every object we make carries, set atomically with its create.

In Neutron it ends the ``description``; in Octavia it is a tag::

    office network [ik2.k2f0T9uQSyq3yq1cX0m4Yg.R7vZkq0aB8fQb2WcE.pX3k9a]

The schema leaves a user 200 of the 255 characters of Neutron's description. A blank and the mark share the other 55, so
a mark has 54 at most. Version 2 spends them like this:

==========  ==========  ====  ===================================================================================
field       characters  bits  what it says
==========  ==========  ====  ===================================================================================
``ik2``     5 or 6            the version; ``ik2r`` in a released mark (Retain, or Managed turned Unmanaged)
uid         22          128   the owner's UID, without loss: it decides what is ours
place       17          102   SHA-256 of cluster, kind, namespace, name and that UID: it decides what is PREVIOUS
child       6           36    which child of the owner it is (a subnet, a listener); not in the mark of the main object
==========  ==========  ====  ===================================================================================

What each field must resist:

- The **place** decides what ``adopt-previous`` takes over, and names are free to choose. So nobody may find a name with
  the place of somebody else's mark. The UID is its salt: each mark has to be searched for on its own (2**102 trials),
  nothing can be computed before the API server has chosen the UID, and two names that an attacker makes to collide
  under one UID are worth nothing, because an object has a UID of its own.
- The **cluster** needs no field: another cluster, or another ``--cluster-id``, gives another place.
- The **child** is only told apart within one owner, and whoever writes that object chooses all of its names. Who makes
  two of them collide harms only that object. 36 bits are enough for chance: 100 children collide once in 10**7 objects.
- None of it resists a **copy**: a mark is public text. What is taken over or deleted never rests on a mark alone (see
  ``duplicates``, and ``owned.whose_main``).

The alphabet is that of base64url. A denser one gains three characters, and has signs that a shell, YAML, CSV, a URL or
a regular expression gives a meaning to.

Version 1, which 0.1.0 wrote, is still read: ``[ik1.<cluster 8>.<uid 22>.<place 8>.<child 6>]``. Its place is a hash of
kind, namespace and name alone, of 48 bits, which can be searched for in hours; ``owned.why_not_taken`` says what is
therefore not done with it. It is as long as a mark of version 2, and is written anew only when the description or the
tags are written for another reason. 0.1.0 takes a mark of version 2 for text: after a rollback it puts one of version 1
behind it, or beside it. So of two marks of one owner that of version 1 is the newer one, and both are the operator's.
What 0.1.0 knows by its mark alone is made with both (``Owner.both_marks``).
"""

from __future__ import annotations

import base64
import hashlib
import re
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TypeVar

DESCRIPTION_LIMIT = 255
"""Neutron's bound on ``description``, in characters."""

VERSION = 2
"""The version that is written."""
OLD = 1
"""The version that is only read."""

_UID, _PLACE, _CHILD = 22, 17, 6
_OLD_CLUSTER, _OLD_PLACE = 8, 8
_WIDTHS = {OLD: (_OLD_CLUSTER, _UID, _OLD_PLACE), VERSION: (_UID, _PLACE)}
"""The characters of each field, the child's apart."""
_BLANKS = "\t\n\f\r "
"""What RE2 means by ``\\s``, and so the CRDs' rule on descriptions; Python means more (a no-break space, …)."""
_PATTERN = re.compile(r"\[ik(?P<version>[12])(?P<released>r?)\.(?P<fields>[A-Za-z0-9_.-]{1,64})\]")


def _digest(text: str, length: int) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()).decode()[:length]


def short_uid(uid: str) -> str:
    """A UUID in 22 characters, without loss; any other identity by its hash."""
    try:
        raw = uuid.UUID(uid).bytes
    except ValueError:
        raw = hashlib.sha256(uid.encode("utf-8", "surrogatepass")).digest()[:16]
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def child_key(child: str) -> str:
    """What a mark of either version says of a child such as ``subnet/front``; empty for the main object."""
    return _digest(child, _CHILD) if child else ""


@dataclass(frozen=True, slots=True)
class Mark:
    """A parsed mark. All fields are in their short form; compare, do not print.

    Attributes:
        uid: the owner's UID.
        place: the hash of the owner's place.
        child: the child's key; empty for the main object.
        released: whether the object was given up.
        cluster: the hash of the cluster id, in version 1 only.
        version: 1 or 2.
    """

    uid: str
    place: str
    child: str = ""
    released: bool = False
    cluster: str = ""
    version: int = VERSION

    @property
    def text(self) -> str:
        """The mark as it is written in a description or a tag."""
        head = f"ik{self.version}{'r' if self.released else ''}"
        return f"[{'.'.join(each for each in (head, self.cluster, self.uid, self.place, self.child) if each)}]"

    def alike(self, other: Mark) -> bool:
        """Whether two marks say the same, in whatever version."""
        if self.version == other.version:
            return self == other
        return (self.uid, self.child, self.released) == (other.uid, other.child, other.released)

    @classmethod
    def parse(cls, description: object) -> Mark | None:
        """The mark at the end of a description (or a tag that is one), or None: also for what is no text."""
        found = _ending(description)
        return found[0] if found else None

    @classmethod
    def all_in(cls, description: object) -> list[Mark]:
        """The marks at the end of a description, the last one first.

        Only the last one counts as a mark, and before one of version 1 one of version 2: 0.1.0 wrote its own behind it.
        """
        marks, _ = _peeled(description)
        return marks

    @classmethod
    def among(cls, tags: Iterable[object] | None) -> Mark | None:
        """The first tag that is a mark (Octavia), or None."""
        return next(iter(cls.all_among(tags)), None)

    @classmethod
    def all_among(cls, tags: object) -> list[Mark]:
        """The tags that are marks (Octavia), in their order."""
        items = tags if isinstance(tags, Iterable) else ()
        return [mark for tag in items if (mark := cls.parse(tag)) and mark.text == tag]


def _ending(text: object) -> tuple[Mark, int] | None:
    """The mark at the end of a text, and where what is before it and its blank ends; None where there is none."""
    if not isinstance(text, str):
        return None
    whole = text.rstrip(_BLANKS)
    start = whole.rfind("[")
    if start < 0 or (start > 0 and whole[start - 1] not in _BLANKS):
        return None
    match = _PATTERN.fullmatch(whole, start)
    if match is None:
        return None
    version, fields = int(match["version"]), match["fields"].split(".")
    widths, found = _WIDTHS[version], tuple(map(len, fields))
    if found not in (widths, (*widths, _CHILD)):
        return None
    child = fields.pop() if len(fields) > len(widths) else ""
    *cluster, uid, place = fields
    return Mark(uid, place, child, bool(match["released"]), "".join(cluster), version), max(start - 1, 0)


def _peeled(text: object) -> tuple[list[Mark], int]:
    """The marks that count at the end of a text, the last one first, and where what is before them ends."""
    if not isinstance(text, str):
        return [], 0
    last = _ending(text)
    if last is None:
        return [], len(text)
    mark, end = last
    before = _ending(text[:end]) if mark.version == OLD else None
    if before is not None and before[0].version == VERSION:
        return [mark, before[0]], before[1]
    return [mark], end


class Standing(Enum):
    """Whose an object of the cloud is, seen from one owner."""

    OURS = "ours"
    """Carries this owner's mark."""
    UNMARKED = "unmarked"
    """Carries no mark, or one that was released."""
    PREVIOUS = "previous"
    """Carries the mark of an object of the same cluster, kind, namespace and name, but another UID, that is no more."""
    FOREIGN = "foreign"
    """Carries the mark of somebody else."""


def _not_known(uid: str) -> bool:
    """Whether an object has that UID, where nobody knows: then it counts as there."""
    del uid
    return True


@dataclass(frozen=True, slots=True)
class Owner:
    """An object of Kubernetes as an owner of objects in the cloud.

    Args:
        cluster: the cluster id (the UID of the kube-system Namespace, or the chart's ``clusterID``).
        kind: the kind.
        namespace: the namespace.
        name: the name.
        uid: ``metadata.uid``.
        lives: whether an object of this cluster has the UID of that short form. Who cannot tell says yes: what a living
            object made is never that of a former one.
    """

    cluster: str
    kind: str
    namespace: str
    name: str
    uid: str
    lives: Callable[[str], bool] = field(default=_not_known, compare=False, repr=False)

    def mark(self, child: str = "") -> Mark:
        """The mark for the main object, or for a child named by a key such as ``subnet/front``."""
        uid = short_uid(self.uid)
        return Mark(uid, self._place(uid), child_key(child))

    def old_mark(self, child: str = "") -> Mark:
        """The mark that 0.1.0 gave it."""
        return Mark(
            uid=short_uid(self.uid),
            place=self.old_place,
            child=child_key(child),
            cluster=self._old_cluster,
            version=OLD,
        )

    def both_marks(self, child: str) -> list[Mark]:
        """Those of what 0.1.0 knows by its mark alone, so that after a rollback it neither leaves it nor doubles it.

        That is the VIP's port, a redirect's policy and a pool that is to go for another: what else there is it finds by
        its id in status.
        """
        return [self.mark(child), self.old_mark(child)]

    def anew(self, mark: Mark) -> Mark:
        """A mark in the version that is written now, where it is this owner's; any other as it is."""
        if not self.wrote(mark):
            return mark
        return replace(self.mark(), child=mark.child, released=mark.released)

    @property
    def old_place(self) -> str:
        """The place as marks of version 1 have it: 48 bits, which can be met on purpose."""
        return _digest(f"{self.kind}/{self.namespace}/{self.name}", _OLD_PLACE)

    @property
    def _old_cluster(self) -> str:
        return _digest(f"cluster:{self.cluster}", _OLD_CLUSTER)

    def _place(self, uid: str) -> str:
        """The place, in the mark of an object of this place that has the UID of that short form."""
        parts = (self.kind, self.namespace, self.name, uid, self.cluster)
        # With their lengths: no two lists of parts run into one text.
        return _digest("infomaniak-operator mark 2" + "".join(f"|{len(part)}:{part}" for part in parts), _PLACE)

    def wrote(self, mark: Mark) -> bool:
        """Whether a mark, of whatever child and released or not, is this very object's."""
        if mark.uid != short_uid(self.uid):
            return False
        return mark.cluster == self._old_cluster if mark.version == OLD else mark.place == self._place(mark.uid)

    def standing(self, mark: Mark | None) -> Standing:
        """Whose an object with that mark is; the child key is not looked at.

        PREVIOUS by a mark of version 1 is a guess that others can bring about: see ``owned.why_not_taken``.
        """
        if mark is None or mark.released:
            return Standing.UNMARKED
        if self.wrote(mark):
            return Standing.OURS
        if self._has_place_of(mark) and not self.lives(mark.uid):
            return Standing.PREVIOUS
        return Standing.FOREIGN

    def _has_place_of(self, mark: Mark) -> bool:
        if mark.version == OLD:
            return (mark.cluster, mark.place) == (self._old_cluster, self.old_place)
        return mark.place == self._place(mark.uid)

    def is_described(self, description: str, text: str, child: str = "") -> bool:
        """Whether a description is that text with this owner's mark, in whatever version, so that it can stay."""
        return any(description == " ".join([*([text] if text else []), *marks]) for marks in self.spellings(child))

    def spellings(self, child: str) -> list[list[str]]:
        """The marks, as text, by which something is marked as this owner's: by us, by 0.1.0, and by 0.1.0 after us.

        What has one of them can stay as it is.
        """
        new, old = self.mark(child).text, self.old_mark(child).text
        return [[new], [old], [new, old]]


class NoRoom(ValueError):  # noqa: N818 - named after what it says
    """A description and a mark do not fit into 255 characters."""


def described(text: str, mark: Mark) -> str:
    """A description for Neutron: the user's text, then the mark.

    Raises:
        NoRoom: the two do not fit into 255 characters. The schema bounds ``spec.description`` to 200, so this is about
            a text that others wrote in the cloud.
    """
    whole = f"{text} {mark.text}" if text else mark.text
    if len(whole) > DESCRIPTION_LIMIT:
        room = DESCRIPTION_LIMIT - len(mark.text) - 1
        raise NoRoom(
            f"the description in the cloud is {len(text)} characters long and leaves no room for the mark of "
            f"ownership: shorten it to {room}, or name another in spec.description"
        )
    return whole


def user_text(description: object) -> str:
    """A description without the operator's marks and the blanks before them: what a person wrote, to the byte."""
    text = description if isinstance(description, str) else ""
    _, end = _peeled(text)
    return text[:end]


def same_text(one: object, other: object) -> bool:
    """Whether two descriptions, or two lists of tags, say the same but for the version of their marks."""
    if isinstance(one, str) and isinstance(other, str):
        mine, theirs = Mark.parse(one), Mark.parse(other)
        return user_text(one) == user_text(other) and _same_mark(mine, theirs)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        mine, theirs = Mark.among(one), Mark.among(other)
        return sorted(plain(one), key=repr) == sorted(plain(other), key=repr) and _same_mark(mine, theirs)
    return bool(one == other)


def _same_mark(one: Mark | None, other: Mark | None) -> bool:
    return one is other if one is None or other is None else one.alike(other)


TagT = TypeVar("TagT")


def plain(tags: Iterable[TagT] | None) -> list[TagT]:
    """The tags without those that are marks."""
    return [tag for tag in tags or () if Mark.among([tag]) is None]


def released(mark: Mark) -> Mark:
    """The same mark, given up."""
    return replace(mark, released=True)
