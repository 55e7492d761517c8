"""A fake Stripe for the demo and for tests: a small HTTP server on this machine that answers the official SDK as Stripe does.

It has Checkout Sessions with a page to pay on, payment intents, charges, refunds, disputes, payouts, idempotency keys, errors, and signed
webhooks. No money moves. Production can't use it: the settings refuse another ``STRIPE_API_BASE`` than Stripe's without ``DEMO``.

- ``objects``: what Stripe answers, with all attributes of the SDK's types; ``tests/demo/fake_stripe/test_objects.py`` compares them
- ``account``: an account with its payments, and what a buyer or a bank does with them
- ``api``: the requests of the SDK
- ``pages``: the page on which a buyer pays, and the list of payments
- ``webhooks``: sends events to the shop
- ``server``: HTTP; what a test changes (``Behaviour``)
"""
