"""The HTTP API below `/api`, and middleware of the pages: visitors, uploads, downloads, names."""

from api.connections import SocketLimits
from api.cookie import VisitorCookie
from api.downloads import Downloads
from api.local_hosts import LocalHosts
from api.routes import routes
from api.uploads import SpooledUploads
