"""Reads a table's Parquet files with DuckDB, as any engine would, and prints what it finds as JSON.

usage: read.py PARQUET_DIR     where PARQUET_DIR holds WORKSPACE/TABLE/date=.../*.parquet
"""

import json
import sys

import duckdb

FIGURES = {
    "spans": "count(*), count(DISTINCT trace_id), sum(duration_ns), sum(epoch_ns(time) % 1000000007), "
    "count(*) FILTER (status = 'error'), sum(len(events)), sum(len(links)), sum(len(map_keys(attributes)))",
    "logs": "count(*), count(DISTINCT trace_id), sum(severity), sum(epoch_ns(time) % 1000000007), "
    "count(*) FILTER (event_name = 'business.operation'), sum(length(body))",
    "metrics": "count(*), count(DISTINCT series_id), sum(count), sum(epoch_ns(time) % 1000000007), count(value), "
    "sum(len(bucket_counts))",
    "resources": "count(DISTINCT resource_id)",
    "series": "count(DISTINCT series_id)",
    "ledger": "sum(received), sum(stored), sum(queryable)",
}


def plain(value):
    return None if value is None else str(int(value))


database = duckdb.connect()
found = {}
for table, figures in FIGURES.items():
    files = f"{sys.argv[1]}/*/{table}/*/*.parquet"
    row = database.execute(f"SELECT {figures} FROM read_parquet('{files}', union_by_name = true)").fetchone()
    found[table] = [plain(value) for value in row]
    services = "service" if table in ("spans", "logs", "metrics") else None
    if services:
        rows = database.execute(f"SELECT service, count(*) FROM read_parquet('{files}', union_by_name = true) GROUP BY ALL ORDER BY ALL")
        found[f"{table} by service"] = [[service, str(count)] for service, count in rows.fetchall()]
print(json.dumps(found))
