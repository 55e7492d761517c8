"""The page on which staff connect a contact with another one: in which direction, of which type, with which permission."""

from django import forms
from django.contrib import messages
from django.http import HttpRequest
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from contacts.linking import link_types, staff_links
from contacts.models import Contact, ContactLink, LinkType
from ticketshop.lib.forms.fields import LineField
from ticketshop.office.buttons import OwnPage, always, drawn

from . import picking

# Anchor of the list of connections on the page of a contact.
PLACE = "#connections"


class TypeField(forms.ModelChoiceField):
    """The choice of a link type; its label is that of ``link_types.both_ways``."""

    def label_from_instance(self, obj: LinkType) -> str:
        return link_types.both_ways(obj)


class ConnectionForm(forms.Form):
    """The form that connects ``contact``, whose page is open, with ``other``."""

    other = forms.CharField(
        label=gettext_lazy("The other contact"),
        disabled=True,
        required=False,
        widget=forms.TextInput(attrs={"class": "vTextField"}),
    )
    direction = forms.ChoiceField(
        label=gettext_lazy("Who connects whom"),
        widget=forms.RadioSelect,
        error_messages={"required": gettext_lazy("Choose which of the two is the parent.")},
    )
    type = TypeField(
        label=gettext_lazy("The child is the parent’s …"),
        queryset=LinkType.objects.none(),
        empty_label=None,
        widget=forms.RadioSelect,
        error_messages={"required": gettext_lazy("Choose what they are to each other.")},
    )
    permission = forms.ChoiceField(
        label=gettext_lazy("The parent may"),
        choices=ContactLink.Permission.choices,
        initial=ContactLink.Permission.ASSIGN,
        widget=forms.RadioSelect,
    )
    consent_reason = LineField(
        label=gettext_lazy("How you know that the child agrees"),
        max_length=240,
        required=False,
        widget=forms.TextInput(attrs={"class": "vTextField", "autocomplete": "off"}),
    )

    def __init__(self, data, *, contact: Contact, other: Contact):
        super().__init__(data)
        self.contact, self.other_contact = contact, other
        here, there = picking.name_and_number(contact), picking.name_and_number(other)
        self.fields["other"].initial = there
        self.fields["direction"].choices = [
            ("child", _("%(parent)s is the parent, %(child)s the child.") % {"parent": here, "child": there}),
            (
                "parent",
                _("%(parent)s is the parent, %(child)s the child.") % {"parent": there, "child": here},
            ),
        ]
        self.fields["direction"].help_text = _(
            "The parent connects the child, buys for them, and sees their name while the connection is active."
            " The child decides what else the parent sees."
        )
        self.fields["type"].queryset = link_types.choosable()
        self.fields["consent_reason"].help_text = (
            _("For example: signed form of 3 May. Without it the connection waits until the child agrees.")
            if contact.organiser.link_consent_required
            else _("For example: signed form of 3 May. May stay empty: the connection is active at once.")
        )

    @property
    def ends(self) -> tuple[Contact, Contact]:
        """Parent and child, as staff have chosen."""
        if self.cleaned_data["direction"] == "child":
            return self.contact, self.other_contact
        return self.other_contact, self.contact

    def save(self, *, by, now) -> ContactLink | None:
        """Make the connection and return it; None if it is refused, with an error at the field."""
        parent, child = self.ends
        try:
            return staff_links.add(
                parent=parent,
                child=child,
                link_type=self.cleaned_data["type"],
                permission=self.cleaned_data["permission"],
                consent_reason=self.cleaned_data["consent_reason"],
                by=by,
                now=now,
            )
        except staff_links.CannotLink as refusal:
            self.add_error(*self._error(refusal.code))
            return None

    def _error(self, code: str) -> tuple[str, str]:
        """Return (field, message) for a code of ``CannotLink``."""
        if code == "self":
            return "other", _("A contact can’t be connected with itself. Choose somebody else.")
        if code == "duplicate":
            return "other", _(
                "These two are connected in this way already. Choose somebody else, or another type."
            )
        if code == "organiser":
            return "other", _("The two contacts are not of the same organiser.")
        chosen = self.cleaned_data["type"]
        return "type", _(
            "This type does not fit: the parent must be %(parent_kinds)s, the child %(child_kinds)s."
        ) % {"parent_kinds": _kinds(chosen.parent_kinds), "child_kinds": _kinds(chosen.child_kinds)}


def _kinds(codes: list[str]) -> str:
    """Return kinds as text, such as “a person or an organisation”."""
    labels = {
        Contact.Kind.INDIVIDUAL: _("a person"),
        Contact.Kind.STRUCTURE: _("an organisation"),
    }
    return get_text_list([labels[code] for code in codes], _("or"))


def view(admin_page, request: HttpRequest, contact: Contact):
    """Let staff choose the other contact, then show and handle the form of the connection."""
    title = ADD.label
    other = picking.chosen(request, contact)
    if other is None:
        question = _("Whom do you want to connect with %(name)s?") % {
            "name": picking.name_and_number(contact)
        }
        return picking.page(admin_page, request, contact, title=title, question=question)
    form = ConnectionForm(request.POST if request.method == "POST" else None, contact=contact, other=other)
    if form.is_valid() and (made := form.save(by=request.user, now=timezone.now())):
        messages.success(request, _message_about(made))
        return redirect(f"{admin_page.back_to(contact).url}{PLACE}")
    context = {**admin_page.about_row(request, contact, title), "form": drawn(form)}
    return TemplateResponse(request, "admin/connection_add.html", context)


def _message_about(made: ContactLink) -> str:
    if made.consent_at is not None:
        return _("Connected.")
    if not made.child.email:
        return _("Connected. The child has no e-mail address: nobody was told.")
    if made.status == ContactLink.Status.PENDING:
        return _("Connected. It waits until the child agrees: “Resend the request” asks them by e-mail.")
    return _("Connected. Nobody was told: “Resend the request” tells the child by e-mail.")


ADD = OwnPage(
    "add-connection",
    gettext_lazy("Add connection"),
    ("contacts.add_contactlink",),
    always,
    view,
    on_page=False,  # the list of connections has a link to it
)
