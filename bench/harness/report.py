"""Medians, ratios and the table."""
import statistics

REFERENCES = ["fastify", "express"]


def median(results, key):
    return statistics.median(result[key] for result in results)


def spread(results):
    """Half the distance between the slowest and the fastest repetition, of the median."""
    rates = [result["events_per_s"] for result in results]
    middle = statistics.median(rates)
    return (max(rates) - min(rates)) / 2 / middle if middle else 0


def rows(measurements):
    """One row for each contender of each group, from {(database, connections): {contender: [result]}}."""
    for (database, connections), contenders in measurements.items():
        for name, results in contenders.items():
            rate = median(results, "events_per_s")
            ratios = {other: rate / median(contenders[other], "events_per_s")
                      for other in REFERENCES if other in contenders and other != name}
            keys = [key for key in results[0] if key not in ("ran_out", "verified_rows", "tries")]
            yield {
                "database": database, "connections": connections, "contender": name, "repetitions": len(results),
                "spread": spread(results), "ratios": ratios, **{key: median(results, key) for key in keys},
                "worst_strangers": max(result["strangers"] for result in results),
                "ran_out": any(result["ran_out"] for result in results),
            }


HEAD = ["database", "conn.", "contender", "events/s", "±", "p50 ms", "p99 ms", "RSS MiB", "peak MiB",
        "server core", "server µs/event", "db µs/event", "db + generator core", "against"]


def markdown(table):
    lines = ["| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD)]
    for row in table:
        ratios = ", ".join(f"{ratio:.2f}x {other}" for other, ratio in row["ratios"].items())
        mark = "*" if row["worst_strangers"] > 0.10 else ""
        cells = [
            row["database"], str(row["connections"]), row["contender"],
            f"{row['events_per_s']:,.0f}{mark}", f"{row['spread']:.0%}", f"{row['p50_ms']:.2f}", f"{row['p99_ms']:.2f}",
            f"{row['rss_mib']:.0f}", f"{row['peak_mib']:.0f}", f"{row['server_core']:.0%}",
            f"{row['server_us_per_event']:.0f}", f"{row['database_us_per_event']:.0f}",
            f"{row['database_core']:.0%} + {row['generator_core']:.0%}", ratios,
        ]
        lines.append("| " + " | ".join(cells) + " |")
    if any(row["worst_strangers"] > 0.10 for row in table):
        lines.append("\n\\* other programs used more than a tenth of a measured core in at least one repetition.")
    if any(row["ran_out"] for row in table):
        lines.append("\nSome runs sent all their events before the time was over; raise --events for steadier figures.")
    return "\n".join(lines)
