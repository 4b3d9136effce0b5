"""The lenders, guarantors, lessors and insurers of the city; every name says that it is simulated."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.city.enterprises import COUNTY_TOWNS, DIVISIONS
from training.city.parameters import stream

STEMS = "甲乙丙丁戊己庚辛壬癸子丑寅卯辰巳午未申酉"
_LETTERS = "ABCDEFGHIJKLMNOPQRST"
KINDS = ("state_bank", "joint_stock_bank", "city_bank", "rural_bank", "guarantor", "lessor", "insurer")
_NAMES = {
    "state_bank": ("模拟国有银行{0}烟台分行", "Simulated State Bank {1}, Yantai Branch"),
    "joint_stock_bank": ("模拟股份制银行{0}烟台分行", "Simulated Joint-Stock Bank {1}, Yantai Branch"),
    "city_bank": ("模拟城市商业银行{0}", "Simulated City Commercial Bank {1}"),
    "rural_bank": ("模拟{2}农村商业银行{0}", "Simulated {3} Rural Commercial Bank {1}"),
    "guarantor": ("模拟融资担保公司{0}", "Simulated Financing Guarantee Company {1}"),
    "lessor": ("模拟融资租赁公司{0}", "Simulated Finance Leasing Company {1}"),
    "insurer": ("模拟财产保险公司{0}烟台中心支公司", "Simulated Property Insurer {1}, Yantai"),
}
_COUNTS = {
    "state_bank": 6,
    "joint_stock_bank": 10,
    "city_bank": 12,
    "rural_bank": 20,
    "guarantor": 10,
    "lessor": 8,
    "insurer": 8,
}
_OFFICERS = {
    "state_bank": (16, 34),
    "joint_stock_bank": (8, 18),
    "city_bank": (6, 20),
    "rural_bank": (3, 10),
    "guarantor": (4, 12),
    "lessor": (4, 10),
    "insurer": (4, 10),
}


@dataclass(frozen=True, kw_only=True)
class Institutions:
    """Public facts and branch places of all institutions; ``branch`` is (institutions, divisions)."""

    records: tuple[dict[str, object], ...]
    kind: npt.NDArray[np.int64]
    officers: npt.NDArray[np.int64]
    branch: npt.NDArray[np.bool_]
    home: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.records)


def open_institutions(count: int, seed: int) -> Institutions:
    """Open ``count`` institutions, every kind among them; a kind's share is that of the full city."""
    rng = stream(seed, 10)
    kinds = _kinds(count)
    places = [d[0] for d in DIVISIONS]
    branch = np.zeros((count, len(places)), dtype=np.bool_)
    home = np.zeros(count, dtype=np.int64)
    records: list[dict[str, object]] = []
    officers = np.zeros(count, dtype=np.int64)
    seen = dict.fromkeys(KINDS, 0)
    for b, kind in enumerate(kinds):
        serial = seen[kind]
        seen[kind] += 1
        rural = kind == "rural_bank"
        home[b] = (
            places.index(COUNTY_TOWNS[serial % len(COUNTY_TOWNS)])
            if rural and serial < 16
            else rng.choice(len(places), p=[d[3] for d in DIVISIONS])
        )
        branch[b] = _branches(rng, kind, int(home[b]))
        officers[b] = rng.integers(*_OFFICERS[kind])
        records.append(_record(b, kind, serial, int(home[b]), int(officers[b])))
    return Institutions(
        records=tuple(records),
        kind=np.array([KINDS.index(k) for k in kinds]),
        officers=officers,
        branch=branch,
        home=home,
    )


def _kinds(count: int) -> list[str]:
    total = sum(_COUNTS.values())
    counts = {k: max(1, round(c * count / total)) for k, c in _COUNTS.items()}
    while sum(counts.values()) != count:
        step = 1 if sum(counts.values()) < count else -1
        counts["rural_bank" if step > 0 or counts["rural_bank"] > 1 else "city_bank"] += step
    return [k for k in KINDS for _ in range(counts[k])]


def _branches(rng: np.random.Generator, kind: str, home: int) -> npt.NDArray[np.bool_]:
    share = {"state_bank": 0.95, "joint_stock_bank": 0.4, "city_bank": 0.5, "rural_bank": 0.3}.get(kind, 0.35)
    open_here = rng.random(len(DIVISIONS)) < share
    open_here[home] = True
    return open_here


def _record(b: int, kind: str, serial: int, home: int, officers: int) -> dict[str, object]:
    stem, letter = STEMS[serial % len(STEMS)], _LETTERS[serial % len(_LETTERS)]
    zh, en = (t.format(stem, letter, DIVISIONS[home][1], DIVISIONS[home][2]) for t in _NAMES[kind])
    government = kind == "guarantor" and serial % 10 < 7
    if government:
        zh, en = f"模拟政府性融资担保公司{stem}", f"Simulated Government Financing Guarantee Company {letter}"
    return {
        "institution_id": f"I-{b + 1:03d}",
        "name": {"zh": zh, "en": en},
        "kind": kind,
        "is_local_legal_person": kind == "rural_bank" or (kind == "city_bank" and serial % 3 == 0),
        "is_government_guarantor": government,
        "is_small": officers <= 6,
        "officers": officers,
        "reviews_per_month": 0,
    }
