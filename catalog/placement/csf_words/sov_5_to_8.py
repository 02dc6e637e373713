"""Supply chain, technology, security and environment: the criteria and their answers in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.utils.translation import gettext_lazy as _

from catalog.placement.csf_words.criterion import CriterionWords

# The source shows points and SEAL of these, and no words that can be read.
_UNCLEAR: Final = _("Second answer: our source has no clear words for it")

SOV_5_TO_8: Final[Mapping[str, CriterionWords]] = {
    "SOV-5.1": CriterionWords(
        _("Origin of physical components"),
        (
            _("Not disclosed"),
            _("Disclosed in part"),
            _("Transparent, with exceptions"),
            _("Fully transparent"),
            _("Origin certified in the EU"),
        ),
    ),
    "SOV-5.2": CriterionWords(
        _("Place of manufacture"),
        (
            _("Foreign and closed"),
            _("Foreign, disclosed in part"),
            _("Mixed, and the EU may audit"),
            _("Built by teams in the EU on foreign code"),
            _("Designed and built only in the EU"),
        ),
    ),
    "SOV-5.3": CriterionWords(
        _("Origin of embedded code and firmware"),
        (
            _("Not disclosed"),
            _("Disclosed in part"),
            _("Transparent, with exceptions"),
            _("Fully transparent"),
            _("Certified in the EU"),
        ),
    ),
    "SOV-5.4": CriterionWords(
        _("Origin of software: architecture and programming"),
        (
            _("Foreign and closed"),
            _("Foreign, disclosed in part"),
            _("Its core is designed and maintained by teams in the EU"),
            _("For the most part from the EU"),
            _("Only from the EU"),
        ),
    ),
    "SOV-5.5": CriterionWords(
        _("Control over packages, distribution and updates of software"),
        (
            _("Controlled and done outside the EU"),
            _("Controlled in the EU, done outside it"),
            _("Controlled outside the EU, done in it"),
            _("Controlled and done in the EU"),
            _("Controlled in the EU, and held to policy of the EU"),
        ),
    ),
    "SOV-5.6": CriterionWords(
        _("Depending on a single party"),
        (
            _("Only suppliers outside the EU"),
            _("Mostly suppliers outside the EU in critical services"),
            _("Few suppliers outside the EU in critical services, or documented"),
            _("Few suppliers outside the EU in other services, and documented"),
            _("No such dependency"),
        ),
    ),
    "SOV-5.7": CriterionWords(
        _("Transparency of the supply chain: rights to audit"),
        (
            _("At none of the suppliers"),
            _("At some suppliers"),
            _("At critical suppliers"),
            _("At most suppliers"),
            _("At all suppliers"),
        ),
    ),
    "SOV-6.1": CriterionWords(
        _("Working together, and open interfaces"),
        (
            _("Closed, of the supplier alone"),
            _("Interfaces of the supplier, restricted"),
            _("A mix"),
            _("Based on standards"),
            _("Open by default, and easy to move"),
        ),
    ),
    "SOV-6.2": CriterionWords(
        _("Keeping to open standards"),
        (
            _("Keeps to none"),
            _("Now and then"),
            _("In part, in the core"),
            _("By policy, in most core services"),
            _("By policy, in all core services"),
        ),
    ),
    "SOV-6.3": CriterionWords(
        _("Available as open source"),
        (
            _("Closed source"),
            _("Source can be seen, under strict conditions"),
            _("Open source, governed centrally"),
            _("Open source, with a significant part by the EU"),
            _("Open source, governed independently or by the EU"),
        ),
    ),
    "SOV-6.4": CriterionWords(
        _("Insight into the architecture of the service"),
        (
            _("No insight"),
            _("During audits"),
            _("Some of it is public"),
            _("Much of it is public"),
            _("Customers can contribute to it"),
        ),
    ),
    "SOV-6.5": CriterionWords(
        _("Sovereignty of heavy computing (HPC)"),
        (
            _("Imported and closed"),
            _("Foreign technology, hosted in the EU"),
            _("Designed together in the EU"),
            _("Processor design of the EU, made outside it"),
            _("Designed, made and run in the EU"),
        ),
    ),
    "SOV-7.1": CriterionWords(
        _("Certified security, by level of assurance (EAL)"),
        (
            "EAL0",
            "EAL1",
            "EAL2",
            "EAL3",
            _("EAL4 or EAL5"),
        ),
    ),
    "SOV-7.2": CriterionWords(
        _("Keeping to the rules of the EU"),
        (
            _("Not evident"),
            _("Limited"),
            _("Moderate"),
            _("Some to most of it"),
            _("Fully, and audited independently"),
        ),
    ),
    "SOV-7.3": CriterionWords(
        _("Security monitoring (SOC) and handling of incidents in the EU"),
        (
            _("Outside the EU"),
            _("Inside and outside the EU"),
            _("In the EU first, and hard cases go outside"),
            _("From begin to end in the EU"),
            _("In the EU, and shared with ENISA"),
        ),
    ),
    "SOV-7.4": CriterionWords(
        _("Control over security monitoring and logs"),
        (
            _("Only the provider"),
            _("Reports from time to time"),
            _("A basic portal"),
            _("Full direct access, stored in the EU"),
            _("Logs that nobody can change, only in the EU"),
        ),
    ),
    "SOV-7.5": CriterionWords(
        _("Telling of incidents"),
        (
            _("Not told"),
            _("Limited"),
            _("As the GDPR and NIS2 ask"),
            _("By terms of its own, within those of the law"),
            _("At once, and backed by audits"),
        ),
    ),
    "SOV-7.6": CriterionWords(
        _("Own say in maintenance and patches"),
        (
            _("No say in it"),
            _("When the supplier plans it"),
            _("Announced, and tested"),
            _("The customer installs them"),
            _("The customer installs them after checks of its own"),
        ),
    ),
    "SOV-7.7": CriterionWords(
        _("Possibility to audit"),
        (
            _("Only by the supplier"),
            _("Limited"),
            _("In part"),
            _("For the most part, on request"),
            _("Full, by any independent party"),
        ),
    ),
    "SOV-8.1": CriterionWords(
        _("Energy efficiency (PUE)"),
        (
            _("PUE not stated"),
            _("PUE below 3"),
            _("PUE below 1.5, with a plan"),
            _("PUE below 1.3"),
            _("PUE below 1.2, verified in the EU"),
        ),
    ),
    "SOV-8.2": CriterionWords(
        _("Reuse and recycling of hardware"),
        (
            _("No policy"),
            _UNCLEAR,
            _("A documented programme"),
            _("Circular, in line with the EU"),
            _("Life cycle certified in the EU"),
        ),
    ),
    "SOV-8.3": CriterionWords(
        _("Reports on the impact on the environment"),
        (
            _("No reports"),
            _UNCLEAR,
            _("A report each year"),
            _("Detailed, by a method of the EU"),
            _("Audited in the EU"),
        ),
    ),
    "SOV-8.4": CriterionWords(
        _("Where energy comes from"),
        (
            _("Cannot be traced"),
            _UNCLEAR,
            _("From inside and outside the EU"),
            _("Only from the EU"),
            _("Only green energy from the EU"),
        ),
    ),
}
