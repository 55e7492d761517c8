"""Mixins of ``ScopedAdmin``, each for one function of all back-office pages."""
