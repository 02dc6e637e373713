"""Strategy, law, data and operations: the criteria and their answers in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.utils.translation import gettext_lazy as _

from catalog.placement.csf_words.criterion import CriterionWords

SOV_1_TO_4: Final[Mapping[str, CriterionWords]] = {
    "SOV-1.1": CriterionWords(
        _("Control by legal entities in the EU or EEA"),
        (
            _("Entirely outside the EU"),
            _("Mostly outside the EU"),
            _("Mostly within the EU"),
            _("Entirely within the EU"),
        ),
    ),
    "SOV-1.2": CriterionWords(
        _("Chance that a party outside the EU takes over control"),
        (
            _("Very likely"),
            _("Likely"),
            _("Somewhat likely"),
            _("Unlikely"),
            _("Very unlikely"),
        ),
    ),
    "SOV-1.3": CriterionWords(
        _("Control by parties in the EU over the plans for the service"),
        (
            _("No influence"),
            _("Public channels where customers can react"),
            _("Parties in the EU take part in governing bodies"),
            _("Full influence of parties in the EU"),
        ),
    ),
    "SOV-1.4": CriterionWords(
        _("Financial independence of capital outside the EU"),
        (
            _("Almost all capital comes from outside the EU"),
            _("Most capital comes from outside the EU"),
            _("Capital from inside and outside the EU is in balance"),
            _("Most capital comes from the EU"),
            _("All capital comes from the EU"),
        ),
    ),
    "SOV-1.5": CriterionWords(
        _("Contribution to the economy of the EU"),
        (
            _("A minimal contribution"),
            _("Some contribution"),
            _("Inside and outside the EU in balance"),
            _("Most of it in the EU"),
            _("All of it in the EU"),
        ),
    ),
    "SOV-1.6": CriterionWords(
        _("Part in strategic programmes of the EU, such as IPCEI-CIS, Horizon Europe and Gaia-X"),
        (
            _("Takes no clear part"),
            _("Takes an active part"),
            _("Projects depend on this supplier"),
        ),
    ),
    "SOV-1.7": CriterionWords(
        _("In line with the industrial strategies of the EU"),
        (
            _("No evidence"),
            _("An action plan"),
            _("Measured results, with governance"),
            _("A bold ambition, and the means for it"),
        ),
    ),
    "SOV-1.8": CriterionWords(
        _("Able to go on when cut off by parties outside the EU"),
        (
            _("Stops at once"),
            _("Stops after some time"),
            _("Goes on for some time, by contract"),
            _("Goes on with other suppliers, or on its own"),
            _("Is fully autonomous"),
        ),
    ),
    "SOV-2.1": CriterionWords(
        _("Law that holds in the first place"),
        (
            _("Only law from outside the EU"),
            _("Law from inside and outside the EU"),
            _("Only law of the EU"),
        ),
    ),
    "SOV-2.2": CriterionWords(
        _("Exposure to laws of other countries that reach into the EU"),
        (
            _("Fully exposed"),
            _("Less by contract, but still exposed"),
            _("A subsidiary in the EU, protected by contract"),
            _("Shielded by its legal structure"),
            _("Legally immune, and that was verified"),
        ),
    ),
    "SOV-2.3": CriterionWords(
        _("Ways for authorities outside the EU to get at data"),
        (
            _("They can force it, and the customer does not hear of it"),
            _("They can force it, and in some cases the customer does not hear of it"),
            _("They can force it, and the customer always hears of it"),
            _("Requests are disputed and sometimes accepted, and the customer hears of it"),
            _("Requests are always rejected"),
        ),
    ),
    "SOV-2.4": CriterionWords(
        _("Restrictions by export control, such as ITAR and EAR"),
        (
            _("Restrictions towards a member state of the EU"),
            _("Restrictions towards citizens of the EU or international organisations"),
            _("More than half of its revenue comes from the EU"),
            _("No restrictions possible towards member states"),
            _("No restrictions possible towards member states or international organisations"),
        ),
    ),
    "SOV-2.5": CriterionWords(
        _("Origin of the intellectual property"),
        (
            _("Outside the EU"),
            _("Mostly outside the EU"),
            _("Inside and outside the EU"),
            _("Mostly within the EU"),
            _("Entirely within the EU"),
        ),
    ),
    "SOV-2.6": CriterionWords(
        _("Law that holds for the owner of the intellectual property"),
        (
            _("Of one country outside the EU"),
            _("Of several countries outside the EU"),
            _("Mixed, partly of the EU"),
            _("Of the EU, with exceptions"),
            _("Entirely of the EU"),
        ),
    ),
    "SOV-3.1": CriterionWords(
        _("Control of the customer over encryption keys"),
        (
            _("Only the provider"),
            _("Mainly the provider"),
            _("Shared, and the provider can overrule"),
            _("Mainly the customer, and the provider can read some data"),
            _("Only the customer"),
        ),
    ),
    "SOV-3.2": CriterionWords(
        _("Insight into flows of data and logs of access"),
        (
            _("No insight"),
            _("Incomplete logs"),
            _("Logs, but not at once or run by the provider"),
            _("The customer sees everything, but not at once"),
            _("At once, and audited independently"),
        ),
    ),
    "SOV-3.3": CriterionWords(
        _("Safe deletion, and proof of it"),
        (
            _("Not guaranteed"),
            _("Confirmed by hand"),
            _("Checked by the provider itself, without proof"),
            _("Verified by technical means, with logs"),
            _("Systematic, and verified independently"),
        ),
    ),
    "SOV-3.4": CriterionWords(
        _("Data strictly within the EU or EEA"),
        (
            _("Unknown, or in countries outside them"),
            _("Partly in the EU, and for a large part outside"),
            _("Mainly in the EU, with standard safeguards"),
            _("In the EU by default, with strict exceptions"),
            _("Only in the EU, with nothing to fall back on outside"),
        ),
    ),
    "SOV-3.5": CriterionWords(
        _("AI services under control of the EU"),
        (
            _("A closed system from outside the EU"),
            _("Mostly from outside the EU"),
            _("AI that is open or can be audited, on foreign chips"),
            _("AI led by the EU, on foreign accelerators"),
            _("Models and chips of the EU"),
        ),
    ),
    "SOV-4.1": CriterionWords(
        _("Moving elsewhere and working together"),
        (
            _("No guarantees"),
            _("As well as can be"),
            _("Written ways to export"),
            _("Formal services to migrate"),
            _("Stands on sovereign infrastructure already"),
        ),
    ),
    "SOV-4.2": CriterionWords(
        _("Operating without depending on other countries"),
        (
            _("Teams outside the EU do critical work"),
            _("Partly by teams in the EU"),
            _("Inside and outside the EU in balance"),
            _("Mostly by teams in the EU"),
            _("Entirely by a team in the EU"),
        ),
    ),
    "SOV-4.3": CriterionWords(
        _("People with the skills"),
        (
            _("Mainly outside the EU"),
            _("The majority outside the EU"),
            _("The majority in the EU, and hard cases go abroad"),
            _("All staff of the EU"),
            _("All staff of the EU, with a clearance"),
        ),
    ),
    "SOV-4.4": CriterionWords(
        _("Where support is given"),
        (
            _("The majority outside the EU"),
            _("Mixed, the majority outside the EU"),
            _("The majority in the EU, and hard cases go outside"),
            _("All of it in the EU"),
            _("All of it in the EU, with clearances"),
        ),
    ),
    "SOV-4.5": CriterionWords(
        _("Documentation and passing on of knowledge"),
        (
            _("Worldwide, or exposed outside the EU"),
            _("In the EU if so wished"),
            _("In the EU first, and outside it to fall back on"),
            _("Main stores only in the EU"),
            _("Only in the EU, from begin to end"),
        ),
    ),
    "SOV-4.6": CriterionWords(
        _("Law that holds for suppliers: what happens when they are cut off"),
        (
            _("Stops at once"),
            _("Stops after some time"),
            _("Goes on for some time"),
            _("Goes on with other suppliers, or on its own"),
            _("Is fully autonomous"),
        ),
    ),
}
