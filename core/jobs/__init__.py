"""Queue, run, watch and cancel jobs that are too heavy for the web process.

`folder` holds a job's files, `queue` the tickets of waiting jobs, `scheduling` the functions that
pages call, `dispatcher` and `workers` the processes, `quotas` the limits of a public host.
`owned_folders` is about folders of runs, uploads and models: their ids, owners and age.
"""

from core.jobs.folder import JobFolder, State, Status
from core.jobs.scheduling import cancel, enqueue, position, recover
