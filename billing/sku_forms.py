"""What is asked about a SKU."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.utils.translation import gettext_lazy as _

from billing.focus.category_names import category_name
from billing.focus.columns import CATEGORY_OF, SUBCATEGORIES
from billing.models import SKU_CODE_LENGTH, SKU_NAME_LENGTH, Sku
from billing.services.skus import SkuSays
from portal.core.forms import RefusableForm

_PLAIN: Final = {"autocomplete": "off", "spellcheck": "false"}
_NAME: Final = {"autocomplete": "off", "maxlength": SKU_NAME_LENGTH}


class SkuForm(RefusableForm):
    """What a SKU is called, and what FOCUS counts it among."""

    name_nl = forms.CharField(
        label=_("Name in Dutch"),
        help_text=_("As people read it on orders, costs and statements."),
        widget=forms.TextInput(attrs=_NAME),
    )
    name_en = forms.CharField(label=_("Name in English"), widget=forms.TextInput(attrs=_NAME))
    service_subcategory = forms.ChoiceField(
        label=_("FOCUS category"),
        help_text=_("The words of FOCUS, the norm of the files with all costs."),
    )

    def __init__(self, data: Any = None, **options: Any) -> None:
        super().__init__(data, **options)
        self.fields["service_subcategory"].choices = [  # type: ignore[attr-defined]  # a choice
            ("", _("Choose a category")),
            *(
                (category_name(category), [(name, name) for name in names])
                for category, names in SUBCATEGORIES.items()
            ),
        ]

    def says(self) -> SkuSays:
        """What was filled in; of a valid form."""
        subcategory = self.cleaned_data["service_subcategory"]
        return SkuSays(
            name_nl=self.cleaned_data["name_nl"],
            name_en=self.cleaned_data["name_en"],
            service_category=CATEGORY_OF[subcategory],
            service_subcategory=subcategory,
        )

    @classmethod
    def to_change(cls, sku: Sku) -> SkuForm:
        """The form as the SKU is now."""
        names = ("name_nl", "name_en", "service_subcategory")
        return cls(initial={name: getattr(sku, name) for name in names})


class NewSkuForm(SkuForm):
    """And by which code it is known."""

    code = forms.CharField(
        label=_("Code"),
        help_text=_(
            "As the catalogue asks for it: server. and the name of a flavor, volume. and a volume"
            " type, or the kind alone. It never changes."
        ),
        widget=forms.TextInput(attrs={**_PLAIN, "maxlength": SKU_CODE_LENGTH}),
    )
    field_order = ("code", "name_nl", "name_en", "service_subcategory")
