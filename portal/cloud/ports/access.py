"""What the portal asks of a cloud about who comes in by itself."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from portal.cloud.ports.objects import CloudObject
from portal.cloud.ports.specs import IssuedCredential


class AccessPort(Protocol):
    """A part of ``portal.cloud.ports.Cloud``, and promises what that does."""

    def find_users(self, *, domain_name: str, name: str) -> list[CloudObject]: ...

    def create_user(self, *, domain_name: str, name: str, project: str) -> CloudObject:
        """Make a user who is a member of the project and of nothing else.

        The name is unique in the domain, and that user is found. Nobody knows its password.
        """
        ...

    def delete_user(self, user: str) -> None:
        """Delete the user with its credentials and keypairs; its tokens work no longer."""
        ...

    def list_credentials(self, user: str) -> list[CloudObject]:
        """The user's application credentials; ``details`` has ``expires_at`` in ISO 8601."""
        ...

    def create_credential(
        self,
        project: str,
        user: str,
        *,
        name: str,
        expires_at: datetime | None,
        storage_path: str = "",
    ) -> IssuedCredential:
        """Make an application credential with which the user comes into the project.

        Only this answer ever tells its secret.

        Args:
            storage_path: the path in object storage that alone it opens, with what is below it;
                "": all that the user may do.

        Raises:
            CloudUnavailable: also when the user has one of that name.
        """
        ...

    def delete_credential(self, user: str, credential: str) -> None:
        """From now on nobody logs in with it; tokens that it gave are refused."""
        ...
