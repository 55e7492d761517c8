"""The lock on a contact: which rows it returns, and that it is refused where it would lock nothing."""

import pytest
from django.db import transaction
from django.db.transaction import TransactionManagementError
from django.utils import timezone

from contacts import locking
from contacts.models import Contact
from tests.factories.contacts import ContactFactory


@pytest.mark.django_db
def test_a_contact_being_erased_is_left_out_or_refused():
    known, erased = ContactFactory(), ContactFactory()
    Contact.objects.filter(pk=erased.pk).update(erasing_at=timezone.now())
    assert locking.lock(known.pk) == known
    assert locking.lock_all([erased.pk, known.pk, 0]) == {known.pk: known}
    with pytest.raises(locking.Gone):
        locking.lock_all([erased.pk, known.pk], needed=[erased.pk])
    with pytest.raises(locking.Gone):
        locking.lock(erased.pk)


@pytest.mark.django_db
def test_without_contacts_nothing_is_asked(django_assert_num_queries):
    contact = ContactFactory()
    with django_assert_num_queries(1):
        assert locking.lock_all([contact.pk, contact.pk]) == {contact.pk: contact}
    with django_assert_num_queries(0):
        assert locking.lock_all([]) == {}
        with pytest.raises(locking.Gone):
            locking.lock_all([], needed=[contact.pk])


@pytest.mark.django_db(transaction=True)
def test_lock_outside_of_a_transaction_is_refused_at_each_call():
    contact = ContactFactory()
    with transaction.atomic():
        locking.lock(contact.pk)
    with pytest.raises(TransactionManagementError, match="outside of a transaction"):
        locking.lock(contact.pk)
