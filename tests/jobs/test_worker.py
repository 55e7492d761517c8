"""Each queue has slots of the worker."""

from procrastinate.contrib.django import app

from ticketshop import worker


def test_each_queue_has_slots_and_mails_have_their_own():
    names = [name for names, slots in worker.queues() for name in names if slots]
    assert sorted(names) == sorted({task.queue for task in app.tasks.values()})
    assert (["mail"], 2) in worker.queues()
    assert app.tasks["mail.send"].queue == "mail"
