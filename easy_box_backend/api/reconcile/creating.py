"""What a phone could know of the product that has the SKU of its creation."""

from dataclasses import dataclass

from api.reconcile.memory import Memory


@dataclass(frozen=True, slots=True)
class Origin:
    """How a product came to be. revision, name: of its first version. own: whether the phone itself created it."""

    revision: int
    name: str
    own: bool


def is_duplicate(origin: Origin | None, name: str) -> bool:
    """Whether a creation under this name is the one that made the product, sent again. origin: None if unknown."""
    return origin is not None and origin.own and origin.name == name


def could_know(memory: Memory, origin: Origin | None, name: str) -> bool:
    """Whether the phone could know that the SKU was taken when it sent this creation.

    It could if the product was in the list at its last pull, or if it created the product since under another name.
    """
    if origin is None:
        return False
    return origin.revision <= memory.last_pull or (origin.own and origin.name != name)
