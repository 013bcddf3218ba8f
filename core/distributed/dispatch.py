"""The dispatcher of one queue whose jobs run on a Ray cluster."""

from core.distributed import cluster
from core.jobs import dispatcher

if __name__ == "__main__":
    dispatcher.main(cluster.drain)
