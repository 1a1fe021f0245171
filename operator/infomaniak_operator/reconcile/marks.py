"""The mark of ownership that every object we make carries, set atomically with its create.

In Neutron it ends the ``description``; in Octavia it is a tag. It names the cluster, the owner's UID, the owner's place
(kind, namespace, name) and which child of the owner it is (a subnet, a listener), all shortened so that 200 characters
of the user's own description and the mark fit into Neutron's 255::

    office network [ik1.3vZkq0aB.k2f0T9uQSyq3yq1cX0m4Yg.8fQb2WcE.pX3k9a]

Version ``ik1``; a released mark (deletionPolicy Retain, or Managed turned Unmanaged) reads ``ik1r`` instead.
"""

from __future__ import annotations

import base64
import hashlib
import re
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from enum import Enum

DESCRIPTION_LIMIT = 255
"""Neutron's bound on ``description``, in characters."""

_B64 = "[A-Za-z0-9_-]"
_BLANK = r"[\t\n\f\r ]"
"""What RE2 means by ``\\s``, and so the CRDs' rule on descriptions; Python means more (a no-break space, …)."""
_PATTERN = re.compile(
    rf"(?:\A|{_BLANK})\[ik1(?P<released>r?)\.(?P<cluster>{_B64}{{8}})\.(?P<uid>{_B64}{{22}})\.(?P<path>{_B64}{{8}})"
    rf"(?:\.(?P<child>{_B64}{{6}}))?\]{_BLANK}*\Z"
)


def _digest(text: str, length: int) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()).decode()[:length]


def short_uid(uid: str) -> str:
    """A UUID in 22 characters, without loss; any other identity by its hash."""
    try:
        raw = uuid.UUID(uid).bytes
    except ValueError:
        raw = hashlib.sha256(uid.encode("utf-8", "surrogatepass")).digest()[:16]
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class Mark:
    """A parsed mark. All fields are in their short form; compare, do not print."""

    cluster: str
    uid: str
    path: str
    child: str = ""
    released: bool = False

    @property
    def text(self) -> str:
        """The mark as it is written in a description or a tag."""
        child = f".{self.child}" if self.child else ""
        return f"[ik1{'r' if self.released else ''}.{self.cluster}.{self.uid}.{self.path}{child}]"

    @classmethod
    def parse(cls, description: str | None) -> Mark | None:
        """The mark at the end of a description (or a tag that is one), or None."""
        match = _PATTERN.search(description or "")
        if match is None:
            return None
        groups = match.groupdict()
        return cls(groups["cluster"], groups["uid"], groups["path"], groups["child"] or "", bool(groups["released"]))

    @classmethod
    def among(cls, tags: Iterable[str] | None) -> Mark | None:
        """The first tag that is a mark (Octavia), or None."""
        return next((mark for tag in tags or () if (mark := cls.parse(tag)) and mark.text == tag), None)


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


@dataclass(frozen=True, slots=True)
class Owner:
    """An object of Kubernetes as an owner of objects in the cloud.

    Args:
        cluster: the cluster id (the UID of the kube-system Namespace, or the chart's ``clusterID``).
        kind: the kind.
        namespace: the namespace.
        name: the name.
        uid: ``metadata.uid``.
        lives: whether an object of this cluster has the UID of that short form.
    """

    cluster: str
    kind: str
    namespace: str
    name: str
    uid: str
    lives: Callable[[str], bool] = field(default=lambda _: False, compare=False, repr=False)

    def mark(self, child: str = "") -> Mark:
        """The mark for the main object, or for a child named by a key such as ``subnet/front``."""
        return Mark(
            cluster=_digest(f"cluster:{self.cluster}", 8),
            uid=short_uid(self.uid),
            path=_digest(f"{self.kind}/{self.namespace}/{self.name}", 8),
            child=_digest(child, 6) if child else "",
        )

    def standing(self, mark: Mark | None) -> Standing:
        """Whose an object with that mark is; the child key is not looked at."""
        if mark is None or mark.released:
            return Standing.UNMARKED
        mine = self.mark()
        if (mark.cluster, mark.uid) == (mine.cluster, mine.uid):
            return Standing.OURS
        # The path is a short hash, which others can meet on purpose: what a living object made is that object's.
        if (mark.cluster, mark.path) == (mine.cluster, mine.path) and not self.lives(mark.uid):
            return Standing.PREVIOUS
        return Standing.FOREIGN


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


def user_text(description: str | None) -> str:
    """A description without its mark and the blank before it: what a person wrote, to the byte."""
    text = description or ""
    match = _PATTERN.search(text)
    return text[: match.start()] if match else text


def released(mark: Mark) -> Mark:
    """The same mark, given up."""
    return replace(mark, released=True)
