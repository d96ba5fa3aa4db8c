"""dlt's merge of the benchmark's rows into PostgreSQL; ``benchmarks.upsert --dlt`` runs this file in dlt's Python.

PYTHON benchmarks/dlt_merge.py POSTGRESQL_URL FILE...

Each file has the items of one pass as JSON lines. The program prints the seconds of each file.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt


def main(url: str, *files: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        pipeline = dlt.pipeline(
            "benchmark_dlt",
            pipelines_dir=folder,
            destination=dlt.destinations.postgres(url),
            dataset_name="benchmark_dlt",
        )

        def read(file: str) -> Iterator[dict[str, Any]]:
            with Path(file).open() as lines:
                yield from map(json.loads, lines)

        for file in files:
            began = time.perf_counter()
            pipeline.run(
                read(file), table_name="product", primary_key="sku", write_disposition="merge"
            ).raise_on_failed_jobs()
            print(time.perf_counter() - began, flush=True)
        with pipeline.sql_client() as client:
            client.drop_dataset()
            with client.with_staging_dataset():
                client.drop_dataset()


if __name__ == "__main__":
    main(*sys.argv[1:])
