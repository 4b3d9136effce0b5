"""Which products the published rules admit a demand to, by the same judges that serve it: profile, size, rules.

Profiles are those known on the first day of the month a demand is published in.
"""

import json
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from matcher.catalog import Catalog
from matcher.eligibility import judge_many
from training.city.catalogue import Marketplace
from training.city.demands import Demands, demand_columns
from training.city.enterprises import Enterprises, Ints
from training.city.institutions import Institutions


def open_catalogue(institutions: Institutions, marketplace: Marketplace) -> Catalog:
    """The marketplace as the matcher compiles it."""
    return Catalog.from_json(catalogue_bytes(institutions, marketplace))


def catalogue_bytes(institutions: Institutions, marketplace: Marketplace) -> bytes:
    """The marketplace as JSON."""
    document = {"institutions": list(institutions.records), "products": list(marketplace.products)}
    return json.dumps(document, ensure_ascii=False, indent=1).encode()


def admit(
    catalog: Catalog,
    columns: Mapping[str, npt.NDArray[np.generic]],
    enterprises: Enterprises,
    demands: Demands,
    rows: Ints,
) -> npt.NDArray[np.int8]:
    """Verdicts (demands, products): 0 fail, 1 unknown, 2 pass; ``columns`` has a row per enterprise."""
    return judge_many(
        catalog,
        columns,
        demand_columns(demands, enterprises, rows),
        demands.published_on[rows].astype("datetime64[D]"),
        profile_row=demands.enterprise[rows].astype(np.intp),
    )
