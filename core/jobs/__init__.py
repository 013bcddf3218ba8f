"""Queue, run, watch and cancel jobs that are too heavy for the web process.

`folder` holds a job's files, `queue` its place in line, `scheduling` the functions that pages call,
`dispatcher` and `workers` the processes that do the work, `quotas` the limits of a public host.
"""

from core.jobs.folder import JobFolder, State, Status
from core.jobs.scheduling import cancel, enqueue, position, recover
