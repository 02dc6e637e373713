"""Every file that the local OpenStack reads at its start, one module a service."""
