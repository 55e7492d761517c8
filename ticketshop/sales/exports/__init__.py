"""The exports of sales and answers: iterators of rows, registered as kinds of ``ticketshop.exports``.

``scope`` selects the rows, ``columns`` reads answers, and each kind has a module that puts its rows together.
"""
