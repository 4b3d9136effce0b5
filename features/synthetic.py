"""Made-up invoices in any number, for measuring; nothing about any enterprise can be learnt from them."""

from datetime import date, timedelta
from pathlib import Path

import duckdb


def synthetic_invoices(
    path: Path | str, *, invoices: int = 10_000_000, enterprises: int = 25_000, last_day: date = date(2026, 10, 31)
) -> Path:
    """Write ``invoices.parquet`` of that many rows over 18 months, sorted by enterprise, into a directory.

    Every number is a hash of the row's place, so the same arguments give the same rows. Three of four invoices are
    output, one in fifty is void, one in forty a reversal; an invoice becomes known within ten days.

    Returns
    -------
    Path
        The file.
    """
    directory = Path(path)
    directory.mkdir(parents=True, exist_ok=True)
    target = directory / "invoices.parquet"
    each = max(1, -(-invoices // enterprises))
    first = last_day - timedelta(days=548)
    query = f"""
        COPY (
            SELECT printf('9137%014d', i // {each}) AS uscc,
                   d + CAST(h // 7 % 10 AS INTEGER) AS known_on,
                   CASE WHEN h % 4 = 0 THEN 'input' ELSE 'output' END AS direction,
                   printf('%08d', i) AS invoice_no,
                   d AS issued_on,
                   printf('C%05d', CAST(sqrt(h // 11 % 1600) AS BIGINT) + i // {each} * 7 % 20000) AS counterparty,
                   (CASE WHEN h // 13 % 40 = 0 THEN -1 ELSE 1 END) * (100 + h // 17 % 5000000 / 100.0) AS amount_cny,
                   13.0 AS tax_cny,
                   CASE WHEN h // 19 % 50 = 0 THEN 'void' ELSE 'valid' END AS status
            FROM (
                SELECT i, hash(i) // 2 AS h, DATE '{first.isoformat()}' + CAST(hash(i + 1) % 540 AS INTEGER) AS d
                FROM range({invoices}) AS rows(i)
            )
        ) TO '{str(target).replace("'", "''")}' (FORMAT parquet, COMPRESSION zstd)
    """
    with duckdb.connect() as connection:
        connection.execute("SET threads = 2")
        connection.execute(query)
    return target
