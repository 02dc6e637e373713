"""Ready-made settings for the kinds of identity provider there are: data, in the words of the file.

Whatever a provider's table in the file says itself wins. ``claims`` is completed claim by claim;
every other setting, tables included, is taken as a whole.

Sources: NL GOV Assurance profile for OpenID Connect 1.0.1; the attributes of SSO-Rijk as Logius
documents them; the attribute catalogue of eHerkenning (Afsprakenstelsel Elektronische
Toegangsdiensten); the levels of DigiD as SAML writes them. Brokers differ: look what yours sends.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

# Delegation and representation: a login for somebody else (NL GOV 1.0.1; RFC 8693, 4.1).
ON_BEHALF: Final = ("represents", "act")

EIDAS_LEVELS: Final = {
    "http://eidas.europa.eu/LoA/low": "low",
    "http://eidas.europa.eu/LoA/substantial": "substantial",
    "http://eidas.europa.eu/LoA/high": "high",
}
EHERKENNING_LEVELS: Final = {
    "urn:etoegang:core:assurance-class:loa1": "low",
    "urn:etoegang:core:assurance-class:loa2": "low",
    "urn:etoegang:core:assurance-class:loa2plus": "low",
    "urn:etoegang:core:assurance-class:loa3": "substantial",
    "urn:etoegang:core:assurance-class:loa4": "high",
}
DIGID_LEVELS: Final = {
    "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport": "low",  # basis
    "urn:oasis:names:tc:SAML:2.0:ac:classes:MobileTwoFactorContract": "low",  # midden
    "urn:oasis:names:tc:SAML:2.0:ac:classes:Smartcard": "substantial",  # substantieel
    "urn:oasis:names:tc:SAML:2.0:ac:classes:SmartcardPKI": "high",  # hoog
}


@dataclass(frozen=True, kw_only=True)
class Profile:
    """What a provider of this kind needs not write itself.

    Attributes:
        defaults: settings as they would stand in the file.
        may_lack: claims that need not be named, nor stand in a token; roles are then granted in
            the portal only.
        subject_is_bsn: people come with a BSN, which is replaced before anything else sees it.
    """

    defaults: Mapping[str, Any]
    may_lack: frozenset[str] = field(default_factory=frozenset)
    subject_is_bsn: bool = False


_BASE: Final[Mapping[str, Any]] = {
    "enabled": True,
    "description_nl": "",
    "description_en": "",
    "client_authentication": "private_key_jwt",
    "scope": "openid",
    "organization_identifier": "oin",
    "refused_claims": list(ON_BEHALF),
    "claims": {"subject": "sub", "assurance": "acr", "method": "amr"},
}
_NL_GOV: Final[Mapping[str, Any]] = {
    **_BASE,
    "signing_algorithm": "PS256",
    "minimum_assurance": "substantial",
    "assurance": EIDAS_LEVELS,
}

PROFILES: Final[Mapping[str, Profile]] = {
    "generic": Profile(defaults={**_BASE, "scope": "openid profile email"}),
    "nl-gov": Profile(defaults=_NL_GOV),
    "sso-rijk": Profile(
        defaults={
            **_NL_GOV,
            "name_nl": "Rijksaccount",
            "name_en": "Government account",
            "description_nl": "Voor medewerkers van het Rijk",
            "description_en": "For employees of the central government",
            "claims": {
                **_BASE["claims"],
                "name": "name",
                "email": "urn:rijksoverheid.nl:emailAddress",
                "organization": "urn:rijksoverheid.nl:organizationNumber",
                "roles": "urn:rijksoverheid.nl:entitlement",
            },
            "roles": {
                "urn:cloudloket:requester": "requester",
                "urn:cloudloket:finance": "finance",
                "urn:cloudloket:quota_administrator": "quota_administrator",
                "urn:cloudloket:operator": "operator",
                "urn:cloudloket:auditor": "auditor",
            },
        },
    ),
    "eherkenning": Profile(
        defaults={
            **_NL_GOV,
            "name_nl": "eHerkenning",
            "name_en": "eHerkenning",
            "description_nl": "Voor organisaties buiten het Rijk",
            "description_en": "For organisations outside the central government",
            "assurance": EHERKENNING_LEVELS,
            "only_own_organization": True,
            "claims": {
                **_BASE["claims"],
                "subject": "urn:etoegang:core:ActingSubjectID",
                "organization": "urn:etoegang:core:LegalSubjectID",
                "organization_type": "namequalifier",
                "branch": "urn:etoegang:1.9:ServiceRestriction:Vestigingsnr",
            },
            "organization_types": {
                "urn:etoegang:1.9:EntityConcernedID:KvKnr": "kvk",
                "urn:etoegang:1.9:EntityConcernedID:RSIN": "rsin",
            },
        },
        may_lack=frozenset({"name", "email", "roles"}),
    ),
    "digid": Profile(
        defaults={
            **_NL_GOV,
            "enabled": False,
            "name_nl": "DigiD",
            "name_en": "DigiD",
            "description_nl": "Voor mensen die geen zakelijke login hebben",
            "description_en": "For people without a login for their work",
            "assurance": DIGID_LEVELS,
            "only_own_organization": True,
            "refused_claims": [
                *ON_BEHALF,
                "urn:nl-eid-gdi:1.0:LegalSubjectID",  # DigiD Machtigen
                "urn:nl-eid-gdi:1.0:ActingSubjectID",
                "acting_nin",
                "sel_uid",  # bewindvoering
            ],
            "claims": {**_BASE["claims"], "subject": "bsn"},
        },
        may_lack=frozenset({"name", "email", "organization", "roles"}),
        subject_is_bsn=True,
    ),
}
