"""The door for a web server."""

import os

from django.core.wsgi import get_wsgi_application

from portal.core.encoding import with_readable_headers

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
application = with_readable_headers(get_wsgi_application())
