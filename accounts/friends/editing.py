"""The page on which a visitor changes what they typed about a person, and invites the person to an own account."""

from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from contacts.linking import adding, inviting
from contacts.models import ContactLink
from ticketshop.lib.values.text import readable_email

from .access import link_as_parent, requester_of
from .forms import EditPersonForm, InviteForm
from .messages import add_error_for


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request, pos, link_id):
    """Show the page; on POST change the typed names and date of birth, invite the person, or withdraw the invitation."""
    link = link_as_parent(request, link_id)
    if not link.is_open or not link.typed_by_parent:
        raise Http404("ended, or made by staff")
    action = request.POST.get("do", "save") if request.method == "POST" else ""
    if action == "withdraw":
        return withdraw(request, link)
    form = EditPersonForm(
        request.POST if action == "save" else None,
        link=link,
        single_part_names=request.pos.organiser.single_part_names,
    )
    invitation = InviteForm(request.POST if action == "invite" else None)
    if action == "save" and form.is_valid() and save(request, link, form):
        return redirect("account:friends_person", pos=pos, link_id=link.pk)
    if action == "invite" and invitation.is_valid() and invite(request, link, invitation):
        return redirect("account:friends_edit", pos=pos, link_id=link.pk)
    bound = invitation if invitation.is_bound else form
    context = {
        "form": bound,  # whose errors the summary lists
        "names": form,
        "invitation": invitation,
        "link": link,
        "waiting": inviting.waiting(link),
        "section": "friends",
        "has_errors": bool(bound.errors),
    }
    return render(request, "accounts/friends_edit.html", context)


def save(request, link: ContactLink, form: EditPersonForm) -> bool:
    """Save what was typed and add a message. Return False if the link has ended meanwhile."""
    values = form.cleaned_data
    saved = inviting.edit(
        link,
        first_name=values["first_name"],
        last_name=values["last_name"],
        birth_date=values.get("birth_date"),
        by=request.user,
        now=timezone.now(),
    )
    if saved:
        messages.success(request, _("Saved."))
    return saved


def invite(request, link: ContactLink, form: InviteForm) -> bool:
    """Invite the owner of the typed e-mail address. Return False if that is refused, with an error in the form.

    The message is the same whether a mail goes out or not. Raises Http404 if the person can't be invited any more.
    """
    email = form.cleaned_data["email"]
    outcome = inviting.invite(link, email, requester_of(request), now=timezone.now())
    if outcome is None:
        raise Http404("the person has an address, or an account, already")
    if outcome.code != adding.LINKED:
        add_error_for(form, outcome, request.pos)
        return False
    text = _("We write to %(email)s, unless this address was told a short while ago.")
    messages.success(request, text % {"email": readable_email(email)})
    return True


def withdraw(request, link: ContactLink):
    """Withdraw the invitation, and redirect to the page with a message."""
    if inviting.withdraw(link, by=request.user, now=timezone.now()):
        messages.success(
            request, _("The invitation is taken back. The link in the e-mail opens nothing any more.")
        )
    else:
        messages.info(
            request, _("There is no invitation to take back: it was answered, or taken back before.")
        )
    return redirect("account:friends_edit", pos=request.pos.slug, link_id=link.pk)
