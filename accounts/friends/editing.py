"""The page on which a visitor changes what they typed about a person, and invites the person to an account of their own."""

from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from contacts import adding, inviting
from contacts.models import ContactLink
from ticketshop.lib.text import readable_email

from .access import asked, link_as_parent
from .forms import EditPersonForm, InviteForm
from .messages import say_why


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request, pos, link_id):
    """Change the names and the date of birth that were typed; invite, or take an invitation back."""
    link = link_as_parent(request, link_id)
    if not link.is_open or not link.typed_by_parent:
        raise Http404("over, or staff made it")
    wish = request.POST.get("do", "save") if request.method == "POST" else ""
    if wish == "withdraw":
        return withdraw(request, link)
    form = EditPersonForm(
        request.POST if wish == "save" else None,
        link=link,
        single_part_names=request.pos.organiser.single_part_names,
    )
    invitation = InviteForm(request.POST if wish == "invite" else None)
    if wish == "save" and form.is_valid() and save(request, link, form):
        return redirect("account:friends_person", pos=pos, link_id=link.pk)
    if wish == "invite" and invitation.is_valid() and invite(request, link, invitation):
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
    """Invite the owner of the typed address; the message is the same whether a mail goes out or not."""
    email = form.cleaned_data["email"]
    outcome = inviting.invite(link, email, asked(request), now=timezone.now())
    if outcome is None:
        raise Http404("the person has an address, or an account, already")
    if outcome.code != adding.LINKED:
        say_why(form, outcome, request.pos)
        return False
    text = _("We write to %(email)s, unless this address was told a short while ago.")
    messages.success(request, text % {"email": readable_email(email)})
    return True


def withdraw(request, link: ContactLink):
    if inviting.withdraw(link, by=request.user, now=timezone.now()):
        messages.success(
            request, _("The invitation is taken back. The link in the e-mail opens nothing any more.")
        )
    else:
        messages.info(
            request, _("There is no invitation to take back: it was answered, or taken back before.")
        )
    return redirect("account:friends_edit", pos=request.pos.slug, link_id=link.pk)
