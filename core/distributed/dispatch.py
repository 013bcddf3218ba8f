"""The dispatcher of one queue whose jobs run on a Ray cluster."""

from core.distributed.cluster import Cluster
from core.jobs import dispatcher

if __name__ == "__main__":
    dispatcher.main(lambda queue, settings: Cluster(settings).drain(queue))
