"""The command line of bench/run."""
import argparse

CONTENDERS = ["ours", "express", "fastify", "sink"]
DATABASES = ["postgres", "postgres-slow", "mariadb", "sqlite"]


def parse():
    parser = argparse.ArgumentParser(prog="bench/run", description="Side by side: clerk-sync and what people write by hand.")
    parser.add_argument("--only", type=names(CONTENDERS), default=CONTENDERS, metavar="A,B", help=f"of {','.join(CONTENDERS)}")
    parser.add_argument("--databases", type=names(DATABASES), default=DATABASES, metavar="A,B", help=f"of {','.join(DATABASES)}")
    parser.add_argument("--connections", type=numbers, default=[8, 64, 256], metavar="N,M",
                        help="for PostgreSQL and the sink; the others use 64 if it is among them, else these (8,64,256)")
    parser.add_argument("--reps", type=int, default=5, help="interleaved: A B C A B C (5)")
    parser.add_argument("--seconds", type=int, default=8, help="of each measurement (8)")
    parser.add_argument("--warmup", type=int, default=4000, help="events sent before the clock starts (4000)")
    parser.add_argument("--mode", choices=["created", "updated", "mixed"], default="created")
    parser.add_argument("--events", type=int, default=0, help="at most this many per measurement (30000 a second)")
    parser.add_argument("--server-core", type=int, default=0)
    parser.add_argument("--database-core", type=int, default=1, help="for the database and the load generator")
    parser.add_argument("--tries", type=int, default=4, help="of one measurement while others use these cores (4)")
    parser.add_argument("--directory", default=None, help="where the databases live while measuring (a new one under /tmp)")
    parser.add_argument("--out", default=None, help="write the JSON here (target/bench.json)")
    return parser.parse_args()


def names(known):
    def split(text):
        chosen = text.split(",")
        unknown = [name for name in chosen if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; known: {', '.join(known)}")
        return [name for name in known if name in chosen]
    return split


def numbers(text):
    return [int(number) for number in text.split(",")]
