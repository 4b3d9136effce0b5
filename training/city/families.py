"""All families of products the city sells."""

from training.city.families_open import OPEN_LOANS
from training.city.families_secured import SECURED
from training.city.family import Family

FAMILIES: tuple[Family, ...] = (*OPEN_LOANS, *SECURED)
"""All families; ``share`` is each one's share of the catalogue, about 1 in sum."""
