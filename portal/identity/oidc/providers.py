"""An identity provider as the settings know it; ``provider_file`` reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from portal.identity.oidc.assurance import Assurance

ClaimPath = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ClaimPaths:
    """Where in the claims our facts stand: a name, or names from the outside in.

    None means that this provider does not tell. ``assurance`` and ``method`` are looked for in the
    ID token only.
    """

    subject: ClaimPath
    assurance: ClaimPath
    method: ClaimPath | None = None
    name: ClaimPath | None = None
    email: ClaimPath | None = None
    organization: ClaimPath | None = None
    organization_type: ClaimPath | None = None
    branch: ClaimPath | None = None
    roles: ClaimPath | None = None


@dataclass(frozen=True, kw_only=True)
class Provider:
    """One identity provider.

    Attributes:
        key: part of our addresses: ``/login/<key>/callback``.
        names: what people know it by, per language.
        descriptions: for whom it is, per language; may be empty.
        client_secret: a shared secret, or for ``private_key_jwt`` our private key in PEM.
        client_certificate: files with certificate and key for mTLS, None otherwise.
        certificate_authority: file with who signs the provider's own certificate; empty for those
            that this machine trusts.
        may_lack: of name and roles, what a token need not hold even where its claim is named.
        assurance: the level that each value stands for; others are not accepted.
        organization_identifier: field of ``Organization`` that the claimed number is looked up
            in, unless ``organization_types`` says it for the claimed type of number.
        organizations: numbers of the organisations that the provider may vouch for; empty for all.
        branches: code of the node that each branch number (vestigingsnummer) stands for.
        roles: ``role`` or ``role@node-code`` of each claimed value; others give nothing. Empty:
            the values are ``role@node-code`` themselves, and none may be unknown.
        only_own_organization: a login counts for the claimed organisation, or its claimed branch,
            and for no other, whatever was granted to the person in the portal.
        refused_claims: whoever has one of these is refused: they act for somebody else.
        pseudonym_key: replaces the BSN that the subject is; None where it is not.
    """

    key: str
    names: Mapping[str, str]
    descriptions: Mapping[str, str]
    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    client_authentication: str
    signing_algorithm: str
    scope: str
    minimum_assurance: Assurance
    assurance: Mapping[str, Assurance]
    claims: ClaimPaths
    client_certificate: tuple[str, str] | None = None
    certificate_authority: str = ""
    may_lack: frozenset[str] = frozenset()
    organization_identifier: str = "oin"
    organization_types: Mapping[str, str] = field(default_factory=dict)
    organizations: tuple[str, ...] = ()
    branches: Mapping[str, str] = field(default_factory=dict)
    roles: Mapping[str, str] = field(default_factory=dict)
    only_own_organization: bool = False
    refused_claims: tuple[str, ...] = ()
    pseudonym_key: bytes | None = field(default=None, repr=False)

    def acr_values(self, level: Assurance) -> list[str]:
        """The ``acr`` values that reach ``level``, weakest first, as one would ask for them."""
        reaching = [acr for acr, reached in self.assurance.items() if reached >= level]
        return sorted(reaching, key=lambda acr: self.assurance[acr])

    @property
    def keeps_id_token(self) -> bool:
        """May a session hold the ID token? Never one that may hold a BSN."""
        return self.pseudonym_key is None
